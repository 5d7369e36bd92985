/**
 * Lets go of files whose payment has run out: goes through the flow now and then, asks the chain about those that may have
 * ended, marks them, and releases content that no paid submission needs. The time is the chain's. Spec: storage §7.1.
 */
import type { Env } from '@weightless/env'
import type { FlowLog } from './flowLog.ts'
import type { FlowSource } from './flowSource.ts'
import type { PrunedFiles } from './prunedFiles.ts'
import type { Submission } from './submission.ts'

export type PruneOptions = {
  /** How long a file is kept when its payment has run out, for an owner who pays late; default 24 hours. */
  graceMs?: number
  /** How often the flow is gone through; default 60 s. */
  checkMs?: number
}

export type PruneParts = {
  env: Pick<Env, 'clock' | 'log' | 'metrics'>
  flow: FlowLog
  source: Pick<FlowSource, 'payments'>
  pruned: PrunedFiles
  /** Whether the chain is followed and agrees: before that nothing is let go of. */
  isSynced(): boolean
  /** Removes the content of a submission that nobody pays for; called again after a crash, so it may be gone already. */
  release(submission: Submission): Promise<void>
}

/** Submissions that are asked about together; the ledger bounds how many questions the chain meets at once. */
const pageSize = 64
/** A pruned file may be paid anew, and a chain that sets no end may begin to: they are asked about again after so long. */
const recheckMs = 600_000
const endlessMs = 3_600_000

/** Resolves after `signal`. */
export async function pruneExpired(parts: PruneParts, options: PruneOptions, signal: AbortSignal): Promise<void> {
  const { graceMs = 24 * 3_600_000, checkMs = 60_000 } = options
  const { clock, log, metrics } = parts.env
  const count = metrics.counter('weightless_storage_submissions_pruned_total', 'Submissions whose payment ran out')
  /** When a submission is looked at again, in the chain's time. */
  const dueMs = new WeakMap<Submission, number>()
  while (!signal.aborted) {
    await clock.sleep(checkMs, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      if (parts.isSynced()) count.add(await pruneRound(parts, graceMs, dueMs, signal))
    } catch (fault) {
      if (!signal.aborted) log.warn('pruning was interrupted', { reason: String(fault) })
    }
  }
}

/** @returns submissions that were pruned */
async function pruneRound(
  parts: PruneParts,
  graceMs: number,
  dueMs: WeakMap<Submission, number>,
  signal: AbortSignal,
): Promise<number> {
  const { flow, source } = parts
  const { nowMs } = await source.payments([])
  let prunedCount = 0
  for (let seq = 0; seq < flow.count() && !signal.aborted; ) {
    const page: Submission[] = []
    for (; seq < flow.count() && page.length < pageSize; seq++) {
      const submission = flow.get(seq)!
      if ((dueMs.get(submission) ?? Number.NEGATIVE_INFINITY) <= nowMs) page.push(submission)
    }
    if (page.length > 0) prunedCount += await prunePage(parts, page, graceMs, dueMs)
  }
  return prunedCount
}

async function prunePage(
  { env, flow, source, pruned, release }: PruneParts,
  page: readonly Submission[],
  graceMs: number,
  dueMs: WeakMap<Submission, number>,
): Promise<number> {
  const { nowMs, paidUntilMs } = await source.payments(page.map(({ seq }) => seq))
  // What the chain took back while it was asked is not what it answered for.
  const isOver = page.map(
    (submission, at) =>
      flow.get(submission.seq) === submission && (paidUntilMs[at] ?? Number.POSITIVE_INFINITY) + graceMs <= nowMs,
  )
  const over = page.filter((_, at) => isOver[at])
  const fresh = over.filter((submission) => !pruned.has(submission))
  const back = page.filter((submission, at) => !isOver[at] && pruned.has(submission))
  // Marked before it is released: after a crash in between the next round releases what is marked.
  await pruned.mark(fresh)
  await pruned.unmark(back)
  for (const submission of over) {
    const others = flow.byRoot(submission.root).filter(({ fileKey }) => fileKey === submission.fileKey)
    if (others.every((other) => pruned.has(other))) await release(submission)
  }
  for (const [at, submission] of page.entries()) {
    const endMs = paidUntilMs[at]
    dueMs.set(submission, isOver[at] ? nowMs + recheckMs : endMs === undefined ? nowMs + endlessMs : endMs + graceMs)
  }
  for (const { root, seq } of fresh) env.log.info('file pruned', { root, txSeq: seq })
  return fresh.length
}
