export { type BlobSource, toBlobSource } from './blobSource.ts'
export { callNode, joinUrl, NodeRefusedError } from './callNode.ts'
export {
  type Blobs,
  type BlobsOptions,
  BlobTooLargeError,
  createBlobs,
  QuoteUnavailableError,
  type TransferOptions,
} from './createBlobs.ts'
export { fetchSegment, SegmentForgedError, SegmentMissingError, type SegmentWish } from './fetchSegment.ts'
export { BlobMissingError, StorageUnavailableError } from './findNodes.ts'
export { BlobUnreadableError, type OpenedBlob } from './openBlob.ts'
export { BlobUnpaidError, type Payment, type Quote, SubmissionUnreadableError } from './payForBlob.ts'
export { BlobStalledError, type PutBlob, SegmentRefusedError } from './putBlob.ts'
export type { BlobPhase, BlobProgress } from './trackProgress.ts'
