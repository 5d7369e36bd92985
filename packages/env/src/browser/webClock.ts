/** The clock of web-standard globals, which browsers and Node both have. */
import type { Clock } from '../env.ts'
import { AbortedError } from '../faults.ts'

export const webClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    // A timer above 2^31 - 1 ms fires at once.
    for (let restMs = Math.max(0, ms); ; restMs -= timerMsMax) {
      await wait(Math.min(restMs, timerMsMax), signal)
      if (restMs <= timerMsMax) return
    }
  },
}

const timerMsMax = 2 ** 31 - 1

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    const abort = (): void => {
      clearTimeout(timer)
      const reason: unknown = signal?.reason
      // Whoever stops many waits makes one fault for all of them: it costs more than the wait.
      reject(reason instanceof AbortedError ? reason : new AbortedError({ cause: reason }))
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}
