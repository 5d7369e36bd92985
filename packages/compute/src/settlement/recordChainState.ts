/** Brings the book up to what the settlement contract has on record. */
import type { Hex } from '@weightless/codec'
import type { ChainAccount, ChainAccounts } from '../admission/chainAccounts.ts'
import type { JobLog } from './jobLog.ts'

/** Copies the chain's numbers for a user into the log when they have changed. */
export async function recordChainState(log: JobLog, accounts: ChainAccounts, user: Hex): Promise<void> {
  const chain = await accounts.of(user, { maxAgeMs: 0 })
  if (!chain) return
  const { owed, paid, jobNonce } = chain
  const account = log.book.of(user)
  if (account.owedOnChain === owed && account.paidOnChain === paid && account.jobNonceOnChain === jobNonce) return
  await recordClaims(log, accounts, user, chain)
  await log.add({ kind: 'settled', user, owed, paid, jobNonce })
}

/**
 * Of the jobs that the chain's number has passed, those that were claimed: sent by us a moment ago, or before a crash.
 * They come first into the log, because they explain why more is owed than vouchers say.
 */
async function recordClaims(log: JobLog, accounts: ChainAccounts, user: Hex, chain: ChainAccount): Promise<void> {
  const { unvouched, jobNonceOnChain } = log.book.of(user)
  for (const [receiptHash, { jobNonce }] of [...unvouched]) {
    if (jobNonce <= jobNonceOnChain || jobNonce > chain.jobNonce) continue
    const claim = await accounts.claimOf(receiptHash)
    if (claim) await log.add({ kind: 'claim', user, receiptHash, ...claim })
  }
}
