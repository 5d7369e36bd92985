export type { AttestationAnswer, AttestationTools } from './audit/attestation/auditAttestation.ts'
export type { KeyRecord } from './audit/attestation/keyRecord.ts'
export { collateralBytesMax, quoteBytesMax } from './audit/attestation/shownAttestation.ts'
export type { AuditorEvent, AuditorOptions } from './audit/auditorOptions.ts'
export type { AuditPace, AuditTools } from './audit/auditTarget.ts'
export type { ChainNodeTools, ChainView } from './audit/chainNode/auditChainNode.ts'
export { type CheckedLine, checkEvidence } from './audit/checkEvidence.ts'
export { drawNumber } from './audit/drawNumber.ts'
export { readEvidence } from './audit/evidence.ts'
export { createSharedFetch } from './audit/fetchShared.ts'
export { judgeAnswer } from './audit/judgeAnswer.ts'
export { type Auditor, startAuditor } from './audit/startAuditor.ts'
export { type HolderTools, rowsMax } from './audit/storage/auditHolder.ts'
export type { SignedRow } from './audit/storage/drawFragment.ts'
export type { FragmentAnswer } from './audit/storage/judgeFragment.ts'
export type { SignedFragment } from './audit/storage/signedFragments.ts'
export {
  type EncoderEngine,
  type Engine,
  type EngineEnd,
  EngineFailedError,
  type EngineJob,
  type EngineModel,
  EngineRefusedError,
  type EngineRun,
  type EngineToken,
  type ExactEngine,
  type PrintSource,
  type UpstreamAsk,
  type UpstreamEngine,
  UpstreamFailedError,
} from './engine/engine.ts'
export { type EncoderEngineOptions, openEncoderEngine } from './engine/openEncoderEngine.ts'
export { openTensorEngine, type TensorEngineOptions } from './engine/openTensorEngine.ts'
export { openUpstreamEngine, type UpstreamLimits, type UpstreamOptions } from './engine/openUpstreamEngine.ts'
export { type FineTuningLimits, fineTuningLimitsSchema } from './finetune/fineTuningOptions.ts'
export type { FineTuningModel } from './finetune/fineTuningService.ts'
export { createProcessWorker, type LineProcess } from './finetune/processWorker.ts'
export type { FineTuningQuota } from './finetune/registerFineTuning.ts'
export { type FineTuning, type FineTuningOptions, startFineTuning } from './finetune/startFineTuning.ts'
export type { TrainingWorker } from './finetune/trainingWorker.ts'
export {
  type GatewayKey,
  type GatewayLimits,
  type GatewayOptions,
  gatewayLimitsSchema,
} from './gateway/gatewayOptions.ts'
export { type PrepaidLedger, readPrepaidLedger } from './gateway/prepaidLedger.ts'
export { type Gateway, startGateway } from './gateway/startGateway.ts'
export type { DrainOptions, DrainReport } from './provider/drainProvider.ts'
export { askHandOver, HandoverFailedError, type Predecessor } from './provider/handover/askHandOver.ts'
export type { ProviderStatus } from './provider/operator/describeStatus.ts'
export { type ProviderLimits, providerLimitsSchema } from './provider/providerOptions.ts'
export type { ComputeContracts, ProviderOptions } from './provider/startOptions.ts'
export { type Provider, startProvider } from './provider/startProvider.ts'
