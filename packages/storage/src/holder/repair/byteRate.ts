/** Holds work in the background to so many bytes a second. */
import type { Clock } from '@weightless/env'

export type ByteRate = {
  /** Resolves when these bytes may go. @throws {AbortedError} */
  take(bytes: number, signal: AbortSignal): Promise<void>
}

export function createByteRate(clock: Clock, bytesPerSecond: number): ByteRate {
  let freeMs = 0
  return {
    async take(bytes, signal) {
      const nowMs = clock.monotonicMs()
      const startMs = Math.max(nowMs, freeMs)
      freeMs = startMs + (1000 * bytes) / bytesPerSecond
      if (startMs - nowMs >= 1) await clock.sleep(startMs - nowMs, signal)
    },
  }
}
