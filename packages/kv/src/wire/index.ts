export { type EncryptionHeader, readEncryptionHeader } from './encryptionHeader.ts'
export { decodeStreamTags, encodeStreamTags, streamDomain } from './streamTags.ts'
export {
  accountBytes,
  type Control,
  type ControlKind,
  controlTypes,
  encodeTransaction,
  type KeyRef,
  keyBytesMax,
  listEntriesMax,
  outlineBytesMax,
  type ReadRange,
  readTransaction,
  streamIdBytes,
  type Transaction,
  type TransactionFault,
  type TransactionOutline,
} from './transaction.ts'
export {
  committed,
  controlDenied,
  dataUnavailable,
  downloadFailed,
  kindOfResult,
  parseError,
  type ResultKind,
  tagsMismatch,
  versionConflict,
  writeDenied,
} from './transactionResult.ts'
