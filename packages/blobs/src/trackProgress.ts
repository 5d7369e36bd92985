/** Turns counted bytes into progress events with a rate, at most one every 100 ms beside the first and the last. */
import type { Clock } from '@weightless/env'

export type BlobPhase = 'hashing' | 'paying' | 'waiting' | 'uploading' | 'finalizing' | 'downloading'

export type BlobProgress = {
  phase: BlobPhase
  doneBytes: number
  totalBytes: number
  /** Average over this phase. */
  bytesPerSecond: number
  /** Until the end of this phase at that rate; undefined while there is none. */
  secondsLeft: number | undefined
}

export type ProgressTracker = {
  /** Begins a phase; `doneBytes` were there before and do not count into the rate. */
  enter(phase: BlobPhase, totalBytes: number, doneBytes?: number): void
  add(bytes: number): void
}

const pauseMs = 100

export function trackProgress(clock: Clock, report: ((progress: BlobProgress) => void) | undefined): ProgressTracker {
  let phase: BlobPhase = 'hashing'
  let [total, before, done, startMs, reportedMs] = [0, 0, 0, 0, 0]

  function emit(nowMs: number): void {
    reportedMs = nowMs
    const seconds = (nowMs - startMs) / 1000
    const bytesPerSecond = seconds > 0 ? Math.round((done - before) / seconds) : 0
    const secondsLeft = bytesPerSecond > 0 ? Math.ceil((total - done) / bytesPerSecond) : undefined
    report?.({ phase, doneBytes: done, totalBytes: total, bytesPerSecond, secondsLeft })
  }

  return {
    enter(nextPhase, totalBytes, doneBytes = 0) {
      phase = nextPhase
      total = totalBytes
      before = done = doneBytes
      startMs = clock.monotonicMs()
      emit(startMs)
    },
    add(bytes) {
      done += bytes
      const nowMs = clock.monotonicMs()
      if (done >= total || nowMs - reportedMs >= pauseMs) emit(nowMs)
    },
  }
}
