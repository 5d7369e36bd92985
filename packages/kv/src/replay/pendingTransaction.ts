/** A transaction on its way to a decision: fetched in bounded attempts, given up after a deadline that every node computes alike. Spec: kv §3. */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { isPlanted } from '@weightless/store'
import { dataUnavailable, downloadFailed } from '../wire/index.ts'
import type { Prepared } from './applyTransaction.ts'
import type { ContentFault, ContentSource } from './content.ts'
import { prepareTransaction } from './prepareTransaction.ts'
import type { StreamSubmission } from './streamSource.ts'

export type ReplayLimits = {
  /** Time that every upload has from its block on. */
  graceSeconds: number
  /** And one second more for so many bytes. */
  graceBytesPerSecond: number
  /** At most so much more. */
  graceSecondsMax: number
  /** A node asks for so long itself before it gives up, also for an upload of long ago. */
  patienceMs: number
  attemptMs: number
  downloadsMax: number
  /** Transactions read ahead while an earlier one of their streams is undecided. */
  aheadMax: number
}

export const replayLimits: ReplayLimits = {
  graceSeconds: 60,
  graceBytesPerSecond: 1024 * 1024,
  graceSecondsMax: 3_600,
  patienceMs: 60_000,
  attemptMs: 15_000,
  downloadsMax: 16,
  aheadMax: 64,
}

export type Pending = {
  submission: StreamSubmission & { streamIds: readonly Hex[] }
  prepared: Prepared | string | undefined
  loading: boolean
  /** Of the last attempt that failed. */
  fault: ContentFault | undefined
  attempts: number
  firstAttemptMs: number
  nextAttemptMs: number
}

export function createPending(submission: Pending['submission']): Pending {
  const fresh = { prepared: undefined, loading: false, fault: undefined }
  return { submission, ...fresh, attempts: 0, firstAttemptMs: 0, nextAttemptMs: 0 }
}

/** The result of one that cannot be had any more; undefined while it may come. */
export function giveUp(
  { submission, fault, attempts, firstAttemptMs }: Pending,
  limits: ReplayLimits,
  { nowMs, headSeconds }: { nowMs: number; headSeconds: number },
): string | undefined {
  if (isPlanted('kv-wait-for-ever') || attempts < attemptsMin) return undefined
  if (nowMs - firstAttemptMs < limits.patienceMs || headSeconds <= deadlineSeconds(submission, limits)) return undefined
  return fault === 'absent' ? dataUnavailable : fault === 'broken' ? downloadFailed : undefined
}

function deadlineSeconds({ blockSeconds, sizeBytes }: StreamSubmission, limits: ReplayLimits): number {
  const sending = Math.floor(sizeBytes / limits.graceBytesPerSecond)
  return blockSeconds + limits.graceSeconds + Math.min(limits.graceSecondsMax, sending)
}

/** One attempt, which ends in time whatever the network does. */
export async function loadPending(
  { env, content, limits }: { env: Pick<Env, 'clock'>; content: ContentSource; limits: ReplayLimits },
  one: Pending,
  stopped: AbortSignal,
): Promise<void> {
  one.loading = true
  if (one.attempts++ === 0) one.firstAttemptMs = env.clock.monotonicMs()
  const timer = new AbortController()
  const signal = AbortSignal.any([timer.signal, stopped])
  let isLate = false
  const timing = env.clock.sleep(limits.attemptMs, signal).then(
    () => {
      isLate = true
      timer.abort()
    },
    () => undefined,
  )
  try {
    one.prepared = await prepareTransaction(content, one.submission, signal)
  } catch (error) {
    one.fault = isLate ? 'broken' : content.faultOf(error)
    one.nextAttemptMs = env.clock.monotonicMs() + Math.min(5_000, 100 * 2 ** Math.min(one.attempts, 10))
  }
  timer.abort()
  await timing
  one.loading = false
}

/** Tags, and once it is read also the streams that it looked at. */
export function streamsOf({ submission, prepared }: Pending): readonly Hex[] {
  if (typeof prepared !== 'object') return submission.streamIds
  const looked = new Set(prepared.outline.reads.map(({ streamId }) => bytesToHex(streamId)))
  return looked.size === 0 ? submission.streamIds : [...submission.streamIds, ...looked]
}

/** What waits in memory for its turn is small. */
export function isSmall({ submission }: Pending): boolean {
  return submission.sizeBytes <= 1024 * 1024
}

const attemptsMin = 3
