/** The orderly end of a provider: no new jobs, the running ones to their end, then everything that is owed brought home. Spec: COMPUTE §12 */
import type { Clock } from '@weightless/env'
import type { SettlementLoop } from '../settlement/settlementLoop.ts'
import { sumEarnings } from './operator/describeStatus.ts'
import type { ProviderContext } from './providerContext.ts'

export type DrainOptions = {
  /** Jobs that still run after it are cut off; what they had sent is billed. Default 5 min. */
  deadlineMs?: number
  /** How long users have to send vouchers for the last answers; then these are claimed, where that pays. Default 5 s. */
  voucherMs?: number
}

/** What is left for the next process of the same key and log. */
export type DrainReport = {
  cutJobs: number
  unsettledWei: bigint
  unvouchedJobs: number
  openClaims: number
}

export type Drained = {
  context: ProviderContext
  settlement: SettlementLoop
  /** Takes the offer off the market. */
  withdraw(): Promise<void>
  /** Cuts all connections. */
  cut(): Promise<void>
  /** From now on a missing voucher is overdue at once. */
  claimAtOnce(): void
}

const drainMsDefault = 300_000
const voucherMsDefault = 5_000
const lookMs = 50
/** For the receipts of jobs that were cut. */
const cutMs = 5_000
/** For all transactions at the end; a chain that is away must not hold the process. */
const settleMs = 30_000
/** A round claims 16 jobs at most. */
const roundsMax = 32

export async function drainProvider(drained: Drained, options: DrainOptions = {}): Promise<DrainReport> {
  const { context, cut } = drained
  const { env, running, doors, metrics, log } = context
  const { clock } = env
  const { deadlineMs = drainMsDefault, voucherMs = voucherMsDefault } = options
  doors.state = 'draining'
  metrics.draining.set(1)
  env.log.info('provider draining', { jobs: running.count() })
  // While the streams go on.
  const withdrawn = drained.withdraw()
  await untilTrue(clock, deadlineMs, () => running.count() === 0)
  const cutJobs = running.count()
  if (cutJobs > 0) {
    env.log.warn('jobs cut at the deadline', { jobs: cutJobs })
    await cut()
    await untilTrue(clock, cutMs, () => running.count() === 0)
  } else await untilTrue(clock, voucherMs, () => sumEarnings(log.book).unvouched_jobs === 0)
  await withdrawn
  await settleRest(drained)
  const { unsettled_wei: unsettledWei, unvouched_jobs: unvouchedJobs, open_claims: openClaims } = sumEarnings(log.book)
  const report = { cutJobs, unsettledWei, unvouchedJobs, openClaims }
  env.log.info('provider drained', report)
  return report
}

async function settleRest({ context, settlement, claimAtOnce }: Drained): Promise<void> {
  const { env, log } = context
  const { clock } = env
  const late = new AbortController()
  const settled = (async () => {
    await settlement.flush()
    claimAtOnce()
    let before = Number.POSITIVE_INFINITY
    for (let round = 0; round < roundsMax && !late.signal.aborted; round++) {
      const left = sumEarnings(log.book).unvouched_jobs
      if (left === 0 || left >= before) return
      before = left
      await settlement.flush()
    }
  })().catch((fault) => env.log.warn('settlement at the end failed', { reason: String(fault) }))
  const slept = new AbortController()
  const timeout = clock.sleep(settleMs, slept.signal).then(
    () => late.abort(),
    () => undefined,
  )
  await Promise.race([settled, timeout])
  slept.abort()
}

async function untilTrue(clock: Clock, mostMs: number, isTrue: () => boolean): Promise<void> {
  const endMs = clock.monotonicMs() + mostMs
  while (!isTrue() && clock.monotonicMs() < endMs) await clock.sleep(lookMs)
}
