export { type DcapCollateral, dcapCollateralForm } from './dcap/collateral.ts'
export type { DcapMeasurements, DcapPolicy } from './dcap/dcapPolicy.ts'
export type { ReportBody, SgxReport, TdReport } from './dcap/reportBodies.ts'
export { type CollateralParts, splitCollateral } from './dcap/splitCollateral.ts'
export { type TcbStatus, tcbStatuses } from './dcap/tcbStatus.ts'
export { type DcapAttestation, verifyDcapQuote } from './dcap/verifyDcapQuote.ts'
export { type DevAttestation, type DevPolicy, makeDevQuote, verifyDevQuote } from './dev/devQuote.ts'
export { type NitroAttestation, type NitroPolicy, verifyNitroDocument } from './nitro/verifyNitroDocument.ts'
export { type NvidiaAttestation, type NvidiaPolicy, verifyNvidiaToken } from './nvidia/verifyNvidiaToken.ts'
export type { AttestationVerdict, RefusalCode } from './refusal.ts'
export {
  type Attestation,
  type AttestationPolicy,
  type EvidenceKind,
  kindOfEvidence,
  verifyAttestation,
} from './verifyAttestation.ts'
