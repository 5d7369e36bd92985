export { type BlobSource, toBlobSource } from './blobSource.ts'
export { callNode, joinUrl, NodeRefusedError } from './callNode.ts'
export {
  type Blobs,
  type BlobsOptions,
  BlobTooLargeError,
  createBlobs,
  type PutOptions,
  QuoteUnavailableError,
  type TransferOptions,
} from './createBlobs.ts'
export { type DirectoryEntry, type DirectoryFault, packDirectory, unpackDirectory } from './directoryPaths.ts'
export {
  checkPlainRoot,
  type DecryptKeys,
  decryptBlob,
  type EncryptionRecipe,
  encryptSource,
  recipeFor,
} from './encryptSource.ts'
export { fetchSegment, SegmentForgedError, SegmentMissingError, type SegmentWish } from './fetchSegment.ts'
export { BlobMissingError, StorageUnavailableError } from './findNodes.ts'
export { StripeUnreadableError } from './gather/gatherStripes.ts'
export { createHolderHealth, type HolderHealth } from './gather/holderHealth.ts'
export { openPlaced, type PlacedFile } from './gather/openPlaced.ts'
export { askHeld, askSignature, type HeldRow, HolderRefusedError, putPlacement } from './network/askHolder.ts'
export { askLocation, askNodes, type Location } from './network/askIndexer.ts'
export type { HolderReport, TransferParts } from './network/transferParts.ts'
export { BlobUnreadableError, type OpenedBlob } from './openBlob.ts'
export { BlobUnpaidError, type Payment, type Quote, SubmissionUnreadableError } from './payForBlob.ts'
export type { PutBlob } from './putBlob.ts'
export {
  type DirectoryItem,
  DirectoryPathError,
  type PutDirectory,
  putDirectory,
  readDirectory,
} from './putDirectory.ts'
export { BlobStalledError, SegmentRefusedError } from './putWhole.ts'
export { type BlobLifetime, NotRenewableError } from './renewBlob.ts'
export { NodesTooFewError } from './spread/chooseHolders.ts'
export { type SpreadOptions, SpreadStalledError, spreadFile } from './spread/spreadFile.ts'
export type { SpreadJob } from './spread/spreadJob.ts'
export { type BlobPhase, type BlobProgress, trackProgress } from './trackProgress.ts'
