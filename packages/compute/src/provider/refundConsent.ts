/**
 * The provider's word that a user owes it nothing, for which the contract gives her the whole sub-account back at once.
 * From the moment it is asked, and until the consent has run out, no job of hers is taken. Spec: SETTLEMENT §8, COMPUTE §8.6
 */
import type { Hex } from '@weightless/codec'
import { teeSettlementDomain } from '@weightless/contracts'
import type { HttpResponse } from '@weightless/env'
import { outstandingWei, type UserAccount } from '../settlement/accountBook.ts'
import { recordChainState } from '../settlement/recordChainState.ts'
import { leavingUntilMsOf, signRefundConsent } from '../settlement/signRefundConsent.ts'
import { type ApiErrorCode, errorResponse } from '../wire/apiError.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import type { LeavingUsers } from './leavingUsers.ts'
import type { ProviderContext } from './providerContext.ts'

/** As long as an old reading of the chain may serve (chainAccounts.ts). */
const oldBalanceMs = 300_000

export function createLeavingUsers(): LeavingUsers {
  const users = new Set<Hex>()
  return {
    has: (user) => users.has(user),
    end: (user) => void users.delete(user),
    begin(user) {
      if (users.has(user)) return false
      users.add(user)
      return true
    },
  }
}

/** Whether a job of the user could be done and then not be paid. */
export function isLeaving({ env, leaving, log }: ProviderContext, user: Hex): boolean {
  return leaving.has(user) || log.book.of(user).leavingUntilMs > env.clock.nowMs()
}

/** Balances read while the consent could be used do not serve any longer, however far away the chain is. */
export function forgetOldBalance({ env, accounts, log }: ProviderContext, user: Hex): void {
  const { leavingUntilMs } = log.book.of(user)
  if (leavingUntilMs > 0 && env.clock.nowMs() < leavingUntilMs + oldBalanceMs) accounts.forget(user)
}

export async function consentToRefund(context: ProviderContext, user: Hex): Promise<HttpResponse> {
  if (!context.leaving.begin(user)) return refuse('account_busy', 'A refund of this account is being prepared.')
  try {
    // New jobs are refused from here on, so nothing can begin between this look and the signature.
    if (!context.running.isIdle(user)) return refuse('account_busy', 'Jobs of this account are running.')
    await context.settleNow()
    await context.claimEnds(user)
    await recordChainState(context.log, context.accounts, user)
    await context.log.written()
    const owing = whatIsOwed(context.log.book.of(user))
    if (owing) return refuse('account_busy', owing)
    return jsonResponse(await signConsent(context, user))
  } finally {
    context.leaving.end(user)
  }
}

function whatIsOwed(account: UserAccount): string | undefined {
  if (account.unvouched.size > 0)
    return `${account.unvouched.size} answers wait for a voucher; send one to /v1/vouchers.`
  if (account.claims.size > 0) return `${account.claims.size} claims of this account are open.`
  return outstandingWei(account) > 0n ? 'Fees of this account are not settled yet; try again soon.' : undefined
}

async function signConsent({ env, address, account, place, inferenceServing, log }: ProviderContext, user: Hex) {
  const nowMs = env.clock.nowMs()
  // First on disk, then out of our hands.
  await log.add({ kind: 'consent', user, leavingUntilMs: leavingUntilMsOf(nowMs) })
  const domain = { ...teeSettlementDomain, chainId: Number(place.chainId), verifyingContract: inferenceServing }
  return signRefundConsent(account, domain, { user, provider: address, nowMs })
}

function refuse(code: ApiErrorCode, message: string): HttpResponse {
  return errorResponse({ code, message, retryAfterSeconds: 2 })
}
