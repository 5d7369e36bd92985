/** What an operator wants to know at a glance: earned, owed, queued, how fast, what stands behind it. Spec: COMPUTE §3.2 */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { type Ledger, LedgerUnreachableError, TransactionRevertedError } from '@weightless/ledger'
import { type AccountBook, outstandingWei } from '../../settlement/accountBook.ts'
import type { Spread } from '../jobTimings.ts'
import type { DeclaredOffer } from '../market/keepOffer.ts'
import type { ProviderContext } from '../providerContext.ts'
import { servicesOf } from '../registerService.ts'

export type StatusSource = {
  context: ProviderContext
  ledger: Ledger
  inferenceServing: Hex
  url: string
  publicUrl: string
  version: string
  startedAtMs: number
  /** Of the market; null where the provider offers nothing there. */
  offer(): DeclaredOffer | null
}

export async function describeStatus(source: StatusSource) {
  const { context, url, publicUrl, version, startedAtMs } = source
  const { engine, price, queue, timings, env, limits, doors, running } = context
  const { firstToken, answer } = timings.summary()
  return {
    provider: context.address,
    state: doors.state === 'open' ? 'serving' : doors.state,
    version,
    url,
    public_url: publicUrl,
    started_at: new Date(startedAtMs).toISOString(),
    uptime_seconds: Math.floor((env.clock.nowMs() - startedAtMs) / 1000),
    engine: engine.kind,
    model: engine.model.name,
    services: servicesOf(engine),
    context_length: engine.model.contextLength,
    pricing: { prompt: price.inputWeiPerToken, completion: price.outputWeiPerToken, updated_at: price.updatedAt },
    earnings: sumEarnings(context.log.book),
    jobs: {
      ...queue.size(),
      admitted: running.count(),
      running_max: context.runningMax,
      waiting_max: limits.waitingMax,
    },
    latency: { first_token: spreadOf(firstToken), answer: spreadOf(answer) },
    chain: await readChain(source),
    offer: offerOf(source.offer()),
  }
}

export type ProviderStatus = Awaited<ReturnType<typeof describeStatus>>

function offerOf(offer: DeclaredOffer | null) {
  if (!offer) return null
  const { tokensPerSecond, concurrentSlots, firstTokenMs, measuredAt } = offer.measured
  return {
    model_root: offer.model_root,
    region: offer.region,
    privacy: offer.privacy,
    tokens_per_second: tokensPerSecond,
    concurrent_slots: concurrentSlots,
    first_token_ms: firstTokenMs,
    /** 0: not measured yet. */
    measured_at: Number(measuredAt),
  }
}

const spreadOf = ({ samples, p50Ms, p95Ms }: Spread) => ({ samples, p50_ms: p50Ms ?? null, p95_ms: p95Ms ?? null })

/** Wei, all users together, as far back as the job log goes. */
export function sumEarnings(book: AccountBook) {
  const sum = {
    /** Receipts of the voucher path, those that the chain knew of before this log began included. */
    receipted_wei: 0n,
    /** Of them what users' vouchers, or claims, cover. */
    vouched_wei: 0n,
    /** Of them what the settlement contract has drawn. */
    paid_wei: 0n,
    /** Earned by either path and not drawn yet. */
    unsettled_wei: 0n,
    /** Of `unsettled_wei`, what settles on the provider's word (§8.3). */
    on_word_wei: 0n,
    /** Held by the contract for claims until they may be paid. */
    open_claims_wei: 0n,
    open_claims: 0,
    /** Answers that no voucher covers yet. */
    unvouched_jobs: 0,
    users: 0,
  }
  for (const [, account] of book.users()) {
    sum.users++
    sum.receipted_wei += account.receipted
    sum.vouched_wei += account.vouched
    sum.paid_wei += account.paidOnChain
    sum.unsettled_wei += outstandingWei(account)
    sum.on_word_wei += account.sdkUnsettled + (account.sdkBatch?.fee ?? 0n)
    sum.unvouched_jobs += account.unvouched.size
    for (const { held } of account.claims.values()) {
      sum.open_claims++
      sum.open_claims_wei += held
    }
  }
  return sum
}

/** Null where the chain does not answer: everything else is known without it. */
async function readChain({ ledger, inferenceServing, context }: StatusSource) {
  const { address } = context
  try {
    const at = { address: inferenceServing, abi: abis.inferenceServing } as const
    const [balanceWei, stakeWei, service] = await Promise.all([
      ledger.balanceOf(address),
      ledger.read({ ...at, functionName: 'stakeOf', args: [address] }),
      ledger.read({ ...at, functionName: 'getService', args: [address] }),
    ])
    return {
      /** Pays for gas. */
      balance_wei: balanceWei,
      /** What a fault can cost a part of. */
      stake_wei: stakeWei,
      /** Without it nothing settles on the provider's word (§8.3). */
      is_signer_acknowledged: service.teeSignerAcknowledged,
    }
  } catch (fault) {
    if (fault instanceof LedgerUnreachableError || fault instanceof TransactionRevertedError) return null
    throw fault
  }
}
