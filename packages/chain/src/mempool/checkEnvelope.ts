/** The checks that need no account: envelope, chain, size, gas and fees. */
import { accept } from '@weightless/codec'
import type { poolLimits } from '../limits.ts'
import { type DecodedTransaction, decodeTransaction } from '../transactions/decodeTransaction.ts'
import { intrinsicGas } from '../transactions/intrinsicGas.ts'
import type { Transaction } from '../transactions/transaction.ts'
import { type PoolVerdict, poolFaults } from './poolError.ts'

export type CheckRules = { chainId: number; blockGasLimit: bigint; limits: typeof poolLimits }

/** Decodes and checks an envelope from outside. */
export function checkEnvelope(raw: Uint8Array, rules: CheckRules): PoolVerdict<DecodedTransaction> {
  if (raw.length > rules.limits.transactionBytesMax) {
    return poolFaults.oversized(raw.length, rules.limits.transactionBytesMax)
  }
  const decoded = decodeTransaction(raw)
  if (!decoded.ok) return decoded
  const { transaction } = decoded.value
  // The EVM runs Cancun: a set-code transaction decodes but may not stand in a block.
  if (transaction.type === 4) {
    return { ok: false, code: 'type-unsupported', action: 'reject', detail: 'transaction type not supported' }
  }
  if (transaction.chainId === undefined) return poolFaults.unprotected()
  if (transaction.chainId !== rules.chainId) return poolFaults.chainId(transaction.chainId, rules.chainId)
  const checked = checkGas(transaction, rules)
  return checked.ok ? decoded : checked
}

export function checkGas(transaction: Transaction, rules: CheckRules): PoolVerdict<Transaction> {
  if (transaction.gasLimit > rules.blockGasLimit) return poolFaults.gasLimit()
  if (transaction.to === undefined && transaction.data.length > rules.limits.initCodeBytesMax) {
    return poolFaults.initCodeSize(transaction.data.length, rules.limits.initCodeBytesMax)
  }
  if (transaction.maxPriorityFeePerGas > transaction.maxFeePerGas) {
    return poolFaults.tipAboveFee(transaction.maxPriorityFeePerGas, transaction.maxFeePerGas)
  }
  const needed = intrinsicGas(transaction)
  if (transaction.gasLimit < needed) return poolFaults.intrinsicGas(transaction.gasLimit, needed)
  return accept(transaction)
}

/** The most that a transaction can cost its sender, in wei. */
export function transactionCost(transaction: Transaction): bigint {
  return transaction.gasLimit * transaction.maxFeePerGas + transaction.value
}
