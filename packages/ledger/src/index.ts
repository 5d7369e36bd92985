export { decodeRevert, type RevertReason, TransactionRevertedError } from './decodeRevert.ts'
export { fastAccount } from './fastAccount.ts'
export { createJsonRpc, type JsonRpc, LedgerUnreachableError, RpcRefusedError } from './jsonRpc.ts'
export {
  type BlockHead,
  BlockMissingError,
  type ContractIntent,
  createLedger,
  type Ledger,
  type LedgerOptions,
  LedgerReadOnlyError,
} from './ledger.ts'
export {
  InsufficientFundsError,
  type LedgerAccount,
  NonceUnsettledError,
  type RawIntent,
  type SubmitOptions,
  TransactionPendingError,
  type WalletAccount,
} from './submitTransaction.ts'
export { decodeLogs, type LedgerEvent, type WatchOptions, type WatchStep } from './watchEvents.ts'
