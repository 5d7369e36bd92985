/**
 * Jobs that need no signature of the user's: a claim of one would cost more gas than it brings, so the signature could
 * never be used, and making and checking it costs both sides more than all the rest of the job. COMPUTE §7.2
 */
import type { Ledger } from '@weightless/ledger'
import { claimGas, gasPrice, payGas } from '../settlement/claimJobs.ts'

export type OnAccount = {
  /** The most, in wei, that a job without a signature may cost; users are told. */
  weiMax: bigint
  /** Follows the price of gas. @throws {LedgerUnreachableError} */
  refresh(): Promise<void>
}

export function createOnAccount(ledger: Ledger, { claimAlways }: { claimAlways: boolean }): OnAccount {
  const onAccount: OnAccount = {
    weiMax: 0n,
    async refresh() {
      // Who claims whatever it costs can use every signature.
      if (!claimAlways) onAccount.weiMax = (claimGas + payGas) * (await gasPrice(ledger))
    },
  }
  return onAccount
}
