/** What a user demands of a quote beyond being genuine: state, debug bit, bound data, measurements. ATTESTATION §3.6. */
import { bytesEqual } from '@weightless/codec'
import { isAllZero } from '../byteReader.ts'
import { need } from '../refusal.ts'
import type { Certificate } from '../x509/certificate.ts'
import type { ReportBody, TdReport } from './reportBodies.ts'
import type { TcbStatus } from './tcbStatus.ts'

export type DcapPolicy = {
  /** Seconds since the Unix epoch at which everything must hold. */
  atSeconds: number
  /** The 64 bytes that the quote must carry; without it nothing is bound, and the caller compares. */
  reportData?: Uint8Array | undefined
  /** States that are good enough; `UpToDate` alone unless told. `Revoked` is never. */
  allowStatuses?: readonly TcbStatus[] | undefined
  /** Debug enclaves and domains can be read by their host: refused unless this is true. */
  allowDebug?: boolean | undefined
  /** A service TD (one that migrates, say) can reach into its domain: refused unless this is true. */
  allowServiceTd?: boolean | undefined
  measurements?: DcapMeasurements | undefined
  /** Instead of Intel's root; for tests with an authority of their own. */
  root?: Certificate | undefined
}

/** Each that is given must be equal. A measurement of SGX refuses a TDX quote, and the other way round. */
export type DcapMeasurements = {
  mrEnclave?: Uint8Array | undefined
  mrSigner?: Uint8Array | undefined
  isvProdId?: number | undefined
  /** The least that is accepted. */
  isvSvn?: number | undefined
  mrTd?: Uint8Array | undefined
  mrConfigId?: Uint8Array | undefined
  mrOwner?: Uint8Array | undefined
  mrOwnerConfig?: Uint8Array | undefined
  /** RTMR 0 to 3; undefined where any is accepted. */
  rtmrs?: readonly (Uint8Array | undefined)[] | undefined
}

/** @throws {Refusal} */
export function checkDcapPolicy(body: ReportBody, status: TcbStatus, policy: DcapPolicy): void {
  const { allowStatuses = ['UpToDate'], reportData } = policy
  need(status !== 'Revoked' && allowStatuses.includes(status), 'tcb-status', `the state of the platform is ${status}`)
  if (body.kind === 'sgx') {
    // ATTRIBUTES.FLAGS bit 1: DEBUG.
    need((body.attributes[0]! & 2) === 0 || policy.allowDebug === true, 'debug', 'the enclave runs in debug mode')
  } else checkTdAttributes(body, policy)
  if (reportData) need(bytesEqual(reportData, body.reportData), 'report-data', 'the quote is bound to other data')
  checkMeasurements(body, policy.measurements ?? {})
}

/** Bits of TDATTRIBUTES (TDX module specification, "ATTRIBUTES"). */
const td = {
  /** DEBUG, and three that let the host profile the domain. */
  debug: [0, 4, 5, 6],
  serviceTdExtended: 17,
  septVeDisable: 28,
  migratable: 29,
  defined: [0, 4, 5, 6, 16, 17, 18, 19, 20, 21, 22, 27, 28, 29, 30, 31, 62, 63],
}

function checkTdAttributes(body: TdReport, policy: DcapPolicy): void {
  const set = Array.from({ length: 64 }, (_, bit) => bit).filter(
    (bit) => (body.tdAttributes[bit >> 3]! >> (bit & 7)) & 1,
  )
  const has = (bit: number) => set.includes(bit)
  need(
    set.every((bit) => td.defined.includes(bit)),
    'attributes',
    'reserved attributes of the domain are set',
  )
  need(!td.debug.some(has) || policy.allowDebug === true, 'debug', 'the domain runs in debug mode')
  need(has(td.septVeDisable), 'attributes', 'the domain lets its host inject exceptions (SEPT_VE_DISABLE is off)')
  need(!has(td.migratable), 'attributes', 'the domain can be migrated')
  const isAlone = !has(td.serviceTdExtended) && (body.mrServiceTd === undefined || isAllZero(body.mrServiceTd))
  need(isAlone || policy.allowServiceTd === true, 'attributes', 'a service domain can reach into the domain')
}

function checkMeasurements(body: ReportBody, wanted: DcapMeasurements): void {
  const isSgx = body.kind === 'sgx'
  const equal = (expected: Uint8Array | undefined, found: Uint8Array | undefined, name: string): void => {
    if (expected) need(found !== undefined && bytesEqual(expected, found), 'measurement', `${name} differs`)
  }
  equal(wanted.mrEnclave, isSgx ? body.mrEnclave : undefined, 'MRENCLAVE')
  equal(wanted.mrSigner, isSgx ? body.mrSigner : undefined, 'MRSIGNER')
  if (wanted.isvProdId !== undefined)
    need(isSgx && body.isvProdId === wanted.isvProdId, 'measurement', 'ISVPRODID differs')
  if (wanted.isvSvn !== undefined) need(isSgx && body.isvSvn >= wanted.isvSvn, 'measurement', 'ISVSVN is too low')
  equal(wanted.mrTd, isSgx ? undefined : body.mrTd, 'MRTD')
  equal(wanted.mrConfigId, isSgx ? undefined : body.mrConfigId, 'MRCONFIGID')
  equal(wanted.mrOwner, isSgx ? undefined : body.mrOwner, 'MROWNER')
  equal(wanted.mrOwnerConfig, isSgx ? undefined : body.mrOwnerConfig, 'MROWNERCONFIG')
  for (const [i, rtmr] of (wanted.rtmrs ?? []).entries()) equal(rtmr, isSgx ? undefined : body.rtmrs[i], `RTMR${i}`)
}
