/** The machine's clock. */
import type { Clock } from '../env.ts'
import { AbortedError } from '../faults.ts'

export const nodeClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  sleep,
}

/** Long waits are cut into pieces, because a timer above 2^31 - 1 ms fires at once. */
async function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  let restMs = Math.max(0, ms)
  while (restMs > timerMsMax) {
    await wait(timerMsMax, signal)
    restMs -= timerMsMax
  }
  await wait(restMs, signal)
}

function wait(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(new AbortedError({ cause: signal.reason }))
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort)
      resolve()
    }, ms)
    const abort = (): void => {
      clearTimeout(timer)
      reject(new AbortedError({ cause: signal?.reason }))
    }
    signal?.addEventListener('abort', abort, { once: true })
  })
}

const timerMsMax = 2 ** 31 - 1
