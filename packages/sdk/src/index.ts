export type { BlobProgress as FileProgress, OpenedBlob as OpenedFile, PutBlob as StoredFile } from '@weightless/blobs'
export {
  adapterName as adapterModel,
  parseVerdictFile,
  type VerdictFile,
  verdictFileToJson,
} from '@weightless/compute/wire'
export { RegionTooLongError, type Wanted } from '@weightless/contracts/readNeed'
export {
  type ExpectedReward,
  expectReward,
  type MinerPlan,
  type NetworkState,
  type NodeStatusJson,
  readNodeStatus,
} from '@weightless/storage/wire'
export { AccountMissingError } from './account/accountMissing.ts'
export { RefundRefusedError } from './account/askRefundConsent.ts'
export type { AccountApi, Balance } from './account/openAccount.ts'
export { AttestationRefusedError } from './attestation/attestationRefused.ts'
export { type AttestationApi, type TeeKeyRecord, teeKeyOfSealing } from './attestation/openAttestation.ts'
export { CollateralFormError, type PutPart } from './attestation/putCollateral.ts'
export { GatewayRefusedError } from './chat/callGateway.ts'
export { type AnswerCheck, AnswerUncheckedError } from './chat/checkAnswer.ts'
export { type ChatAnswer, type ChatApi, type ChatRequest, ReceiptMismatchError } from './chat/openChat.ts'
export { AnswerBrokenError, type ChatEvent, type ChatUsage } from './chat/readChatAnswer.ts'
export type { ChatModel } from './chat/readModels.ts'
export { EventTooLongError } from './chat/readServerEvents.ts'
export { type AttestedDemand, NobodyAttestedError } from './chat/sealChat.ts'
export type { NamedCheckpoint } from './checkpoint/checkpointNames.ts'
export {
  CheckpointOwnerError,
  type CheckpointsApi,
  type CheckpointsOptions,
  openCheckpoints,
} from './checkpoint/openCheckpoints.ts'
export type {
  RestoredCheckpoint,
  RestoreFile,
  RestoreTarget,
} from './checkpoint/restoreCheckpoint.ts'
export type { CheckpointFile, SavedCheckpoint, SaveProgress } from './checkpoint/saveCheckpoint.ts'
export { type Client, type ClientOptions, createClient, KeyValueUnknownError } from './client.ts'
export type { ClientEnv } from './clientContext.ts'
export { type Embedded, EmbeddingsMalformedError, type EmbedOptions } from './embeddings/embedTexts.ts'
export type { ReadOptions, UploadOptions } from './files/fileOptions.ts'
export {
  type FolderDownload,
  type FolderFile,
  FolderPathError,
  FolderTooLargeError,
  FolderUnsafeError,
  folderFilesMax,
  type ListedFile,
  NoFolderError,
  type OpenedFolder,
  type StoredFolder,
} from './files/folders.ts'
export type { FileRecord } from './files/listSubmissions.ts'
export { type FilesApi, FileTooLargeError, PrivateFileLockedError, SenderMissingError } from './files/openFiles.ts'
export { PrivateKeyRefusedError, privateExtraBytes, SignerMissingError } from './files/privateFiles.ts'
export type { FileQuote } from './files/quoteFiles.ts'
export { TrainerRefusedError } from './fineTuning/askTrainer.ts'
export { type AdapterChat, ProviderRefusedError } from './fineTuning/chatWithAdapter.ts'
export {
  disputeTraining,
  judgeTraining,
  TrainerUnknownError,
  type TrainingDisputeOptions,
} from './fineTuning/disputeTraining.ts'
export type { FineTuningProvider, TrainableModel } from './fineTuning/fineTuningServices.ts'
export type { FineTuningTask, Quality, TaskEvent, TrainingPoint } from './fineTuning/fineTuningTask.ts'
export { DeliveryInvalidError } from './fineTuning/openDelivery.ts'
export {
  type FineTuningApi,
  KeyNotHandedOutError,
  OtherDatasetError,
  type TrainingRequest,
} from './fineTuning/openFineTuning.ts'
export { DatasetKeyError } from './fineTuning/sealDataset.ts'
export type { TrainingSlashing, TrainingSubmission } from './fineTuning/submitTrainingVerdict.ts'
export { VerdictUndecidedError } from './fineTuning/verdictUndecided.ts'
export { type FoundProviders, findProviders } from './market/findProviders.ts'
export type { MarketApi, OfferedModel, Spending, UsageRow } from './market/openMarket.ts'
export { MatchForeignError, MatchUnreadableError, type RemadeMatch } from './market/remakeMatch.ts'
export {
  ContractUnknownError,
  contractAddress,
  type NetworkConfig,
  readNetworkConfig,
  type WeightsProgress,
} from './networkConfig.ts'
export { type DisputeOptions, disputeWithProvider } from './receipts/disputeReceipt.ts'
export { judgeVerdict } from './receipts/judgeVerdict.ts'
export { matchBundle, type ShownAnswer } from './receipts/matchBundle.ts'
export { type Challenge, ChallengerMissingError } from './receipts/onChain/challengeReceipt.ts'
export { AdapterUnjudgedError, type Slashing, VerdictRefusedError } from './receipts/onChain/submitVerdict.ts'
export { type Bundle, BundleMalformedError, type ReceiptsApi, type ShownFault } from './receipts/openReceipts.ts'
export type { Dispute, DisputeProgress } from './receipts/playDispute.ts'
export { ReceiptUndisputableError } from './receipts/receiptUndisputable.ts'
export { type FaultReport, ForeignFaultError, NoFaultShownError } from './receipts/reportFault.ts'
export { verifyEmbeddings } from './receipts/verifyEmbeddings.ts'
export type { VerifyOptions } from './receipts/verifyReceipt.ts'
export type { Judgement } from './receipts/weighVerdict.ts'
export { type FilePlace, IndexerRefusedError, type StorageApi } from './storage/openStorage.ts'
