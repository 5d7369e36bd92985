/** Lets fragments wait until the node has seen their submission on chain: a writer may be ahead of its holders. Spec: storage §10. */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { FlowLog } from '../node/flowLog.ts'
import type { PrunedFiles } from '../node/prunedFiles.ts'
import type { Submission } from '../node/submission.ts'

export type SubmissionWatch = {
  /** The first submission of this root and size; undefined when none comes in time. @throws {AbortedError} the asker left */
  find(root: Hex, sizeBytes: number, signal: AbortSignal): Promise<Submission | undefined>
  /** Of those that are paid, or that nobody has found to be over. */
  known(root: Hex, sizeBytes: number): Submission | undefined
  /** Whether it was known, and its payment has run out. */
  isOver(root: Hex, sizeBytes: number): boolean
  /** New submissions have been taken in. */
  notify(): void
}

export function watchSubmissions(
  clock: Clock,
  flow: Pick<FlowLog, 'byRoot'>,
  pruned: Pick<PrunedFiles, 'has'>,
  waitMs: number,
): SubmissionWatch {
  const waiting = new Set<() => void>()
  const ofSize = (root: Hex, sizeBytes: number): Submission[] =>
    flow.byRoot(root).filter((submission) => submission.shape && submission.sizeBytes === sizeBytes)
  const known = (root: Hex, sizeBytes: number): Submission | undefined =>
    ofSize(root, sizeBytes).find((submission) => !pruned.has(submission))

  return {
    known,
    isOver: (root, sizeBytes) => known(root, sizeBytes) === undefined && ofSize(root, sizeBytes).length > 0,
    notify() {
      for (const wake of [...waiting]) wake()
    },
    async find(root, sizeBytes, signal) {
      const endMs = clock.monotonicMs() + waitMs
      for (;;) {
        const found = known(root, sizeBytes)
        const leftMs = endMs - clock.monotonicMs()
        if (found || leftMs <= 0) return found
        await waitForNews(leftMs, signal)
      }
    },
  }

  async function waitForNews(leftMs: number, signal: AbortSignal): Promise<void> {
    const enough = new AbortController()
    const stop = (): void => enough.abort()
    waiting.add(stop)
    signal.addEventListener('abort', stop, { once: true })
    try {
      await clock.sleep(leftMs, enough.signal).catch(() => undefined)
    } finally {
      waiting.delete(stop)
      signal.removeEventListener('abort', stop)
    }
    signal.throwIfAborted()
  }
}
