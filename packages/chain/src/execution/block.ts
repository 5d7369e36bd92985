/** A block as it is kept: header, transactions with their senders, and what each transaction did. */
import type { SignedTransaction } from '../transactions/transaction.ts'
import type { Header } from './header.ts'

export type Block = {
  hash: Uint8Array
  header: Header
  transactions: readonly SignedTransaction[]
  /** One for each transaction, in order. */
  receipts: readonly BlockReceipt[]
  /** Bytes of the block's own RLP, as `size` of JSON-RPC. */
  sizeBytes: number
}

export type BlockReceipt = {
  status: 0 | 1
  gasUsed: bigint
  cumulativeGasUsed: bigint
  effectiveGasPrice: bigint
  contractAddress: Uint8Array | undefined
  logs: readonly BlockLog[]
}

export type BlockLog = { address: Uint8Array; topics: readonly Uint8Array[]; data: Uint8Array }
