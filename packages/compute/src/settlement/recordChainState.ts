/** Brings the book up to what the settlement contract has on record. */
import type { Hex } from '@weightless/codec'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import type { JobLog } from './jobLog.ts'

/** Copies the chain's numbers for a user into the log when they have changed. */
export async function recordChainState(log: JobLog, accounts: ChainAccounts, user: Hex): Promise<void> {
  const chain = await accounts.of(user, { maxAgeMs: 0 })
  if (!chain) return
  const { owed, paid, jobNonce } = chain
  const account = log.book.of(user)
  if (account.owedOnChain === owed && account.paidOnChain === paid && account.jobNonceOnChain === jobNonce) return
  await log.add({ kind: 'settled', user, owed, paid, jobNonce })
}
