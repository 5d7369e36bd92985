/** The gas a transaction costs before its first opcode. Spec: EIP-2028, 2930, 3860, 7702 (Cancun rules, no EIP-7623). */
import type { Transaction } from './transaction.ts'

export function intrinsicGas(
  transaction: Pick<Transaction, 'to' | 'data' | 'accessList' | 'authorizationList'>,
): bigint {
  let gas = transaction.to === undefined ? 53_000 : 21_000
  let nonZero = 0
  for (const byte of transaction.data) if (byte !== 0) nonZero++
  gas += 16 * nonZero + 4 * (transaction.data.length - nonZero)
  if (transaction.to === undefined) gas += 2 * Math.ceil(transaction.data.length / 32)
  for (const entry of transaction.accessList) gas += 2_400 + 1_900 * entry.storageKeys.length
  gas += 25_000 * transaction.authorizationList.length
  return BigInt(gas)
}
