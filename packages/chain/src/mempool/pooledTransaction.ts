/** A transaction as the pool keeps it. */
import type { Hex } from '@weightless/codec'
import type { SignedTransaction } from '../transactions/transaction.ts'

export type PooledTransaction = SignedTransaction & {
  key: Hex
  senderKey: Hex
  /** Order of arrival. */
  arrival: number
  arrivedMs: number
  costWei: bigint
}
