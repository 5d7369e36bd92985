/** How fast the answers of a provider were of late, for its operator and for the offer on the market. */
import type { Clock } from '@weightless/env'
import type { ProviderMetrics } from './providerMetrics.ts'

export type JobTimings = {
  /** The first piece of an answer is here, whose turn began at `turnAtMs` (monotonic). */
  began(turnAtMs: number): void
  /** All of it is. */
  ended(turnAtMs: number): void
  summary(): { firstToken: Spread; answer: Spread }
}

/** Milliseconds; undefined before the first answer. */
export type Spread = { samples: number; p50Ms: number | undefined; p95Ms: number | undefined }

/** Answers that are remembered. */
const samplesMax = 256

export function createJobTimings(clock: Clock, metrics: ProviderMetrics): JobTimings {
  const [first, whole] = [createWindow(), createWindow()]
  return {
    began(turnAtMs) {
      const ms = clock.monotonicMs() - turnAtMs
      first.add(ms)
      metrics.firstTokenSeconds.observe(ms / 1000)
    },
    ended(turnAtMs) {
      const ms = clock.monotonicMs() - turnAtMs
      whole.add(ms)
      metrics.answerSeconds.observe(ms / 1000)
    },
    summary: () => ({ firstToken: first.spread(), answer: whole.spread() }),
  }
}

function createWindow() {
  const values: number[] = []
  let at = 0
  return {
    add(value: number) {
      values[at] = value
      at = (at + 1) % samplesMax
    },
    spread(): Spread {
      const sorted = values.toSorted((a, b) => a - b)
      const part = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]
      return { samples: sorted.length, p50Ms: part(0.5), p95Ms: part(0.95) }
    },
  }
}
