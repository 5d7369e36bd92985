/**
 * Codes and spreads the files that are complete in a gateway's spool, a few at a time, and again after a failure, ever
 * more rarely; then frees the spool. What must still be done is read from the spool itself, so a crash loses nothing.
 * Spec: storage §13.
 */
import { WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { Submission } from '../node/submission.ts'

export type SpreadQueue = {
  /** A file whose segments are all in the spool. Doubles are passed over. */
  offer(submission: Submission): void
  /** Files that are waiting or under way. */
  waiting(): number
  /** Resolves when everything under way has stopped after `signal`. */
  ended: Promise<void>
}

type Job = { submission: Submission; dueMs: number; attempts: number; isRunning: boolean }

const filesAtOnce = 2
const pauseMs = 100
const pauseMsMax = 15_000

/** @param spread resolves when the file is final and its spool is free; throws when it is to be tried again */
export function startSpreading(
  env: Pick<Env, 'clock' | 'log'>,
  spread: (submission: Submission, signal: AbortSignal) => Promise<void>,
  signal: AbortSignal,
): SpreadQueue {
  const jobs = new Map<string, Job>()
  let nap = new AbortController()
  const wake = () => nap.abort()

  async function run(job: Job): Promise<void> {
    const { submission } = job
    job.isRunning = true
    try {
      await spread(submission, signal)
      jobs.delete(submission.fileKey)
    } catch (fault) {
      job.attempts++
      job.dueMs = env.clock.monotonicMs() + Math.min(pauseMsMax, pauseMs * 2 ** Math.min(job.attempts, 10))
      if (!signal.aborted) {
        const reason = fault instanceof Error ? fault.message : String(fault)
        const detail = fault instanceof WeightlessError ? JSON.stringify(fault.facts, bigintsAsText) : ''
        env.log.warn('file not spread yet', { root: submission.root, attempts: job.attempts, reason, detail })
      }
    } finally {
      job.isRunning = false
      wake()
    }
  }

  async function loop(): Promise<void> {
    const running = new Set<Promise<void>>()
    while (!signal.aborted) {
      const nowMs = env.clock.monotonicMs()
      const idle = [...jobs.values()].filter(({ isRunning }) => !isRunning)
      const due = idle.filter(({ dueMs }) => dueMs <= nowMs).slice(0, filesAtOnce - running.size)
      for (const job of due) {
        const work = run(job).finally(() => running.delete(work))
        running.add(work)
      }
      const nextMs = Math.min(...idle.filter((job) => !due.includes(job)).map(({ dueMs }) => dueMs), nowMs + pauseMsMax)
      nap = new AbortController()
      // All places are taken until somebody is done, and that one wakes us.
      await env.clock
        .sleep(running.size < filesAtOnce ? Math.max(1, nextMs - nowMs) : pauseMsMax, nap.signal)
        .catch(() => undefined)
    }
    await Promise.all(running)
  }

  signal.addEventListener('abort', wake, { once: true })
  return {
    offer(submission) {
      if (jobs.has(submission.fileKey) || signal.aborted) return
      jobs.set(submission.fileKey, { submission, dueMs: 0, attempts: 0, isRunning: false })
      wake()
    },
    waiting: () => jobs.size,
    ended: loop(),
  }
}

const bigintsAsText = (_name: string, value: unknown) => (typeof value === 'bigint' ? value.toString() : value)
