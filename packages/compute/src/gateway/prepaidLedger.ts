/** What an account has in its prepaid ledger, from which providers are funded. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'

export type PrepaidLedger = { availableWei: bigint; totalWei: bigint }

/** Undefined where none was opened yet. @throws {LedgerUnreachableError} */
export async function readPrepaidLedger(
  ledger: Ledger,
  ledgerManager: Hex,
  user: Hex,
): Promise<PrepaidLedger | undefined> {
  try {
    const at = { address: ledgerManager, abi: abis.ledgerManager } as const
    const { availableBalance, totalBalance } = await ledger.read({ ...at, functionName: 'getLedger', args: [user] })
    return { availableWei: availableBalance, totalWei: totalBalance }
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'LedgerNotExists') return undefined
    throw fault
  }
}
