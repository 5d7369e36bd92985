/** Says in a header who was asked, in which order, and what came of it. COMPUTE §10.2 */
import type { HttpHeaders } from '@weightless/env'

export type Trace = {
  /** While all are busy the same providers are asked again; the trace is of the last round. */
  beginRound(): void
  attempted(provider: string, model: string, outcome: string): void
  inRound(): number
  headers(): HttpHeaders
}

export const traceHeader = 'x-0g-trace'

/** @param sort - by what the providers were put in order @param said - further headers that say how */
export function createTrace(sort: string, said: HttpHeaders = {}): Trace {
  let attempts: { provider: string; model: string; outcome: string }[] = []
  let rounds = 0
  return {
    beginRound() {
      rounds++
      attempts = []
    },
    attempted: (provider, model, outcome) => void attempts.push({ provider, model: plain(model), outcome }),
    inRound: () => attempts.length,
    headers() {
      const last = attempts.at(-1)
      const trace = { sort, rounds, attempts }
      return {
        ...(last?.outcome === 'answering' ? { 'x-0g-provider-address': last.provider } : {}),
        ...said,
        [traceHeader]: JSON.stringify(trace),
      }
    },
  }
}

/** A header holds ASCII only. */
const plain = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?')
