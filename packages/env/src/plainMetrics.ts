/** Metrics that only count, for the simulator and the browser. */
import type { Metrics } from './env.ts'

export function createPlainMetrics(): Metrics {
  const values = new Map<string, number>()
  const raise = (name: string, amount: number): void => {
    values.set(name, (values.get(name) ?? 0) + amount)
  }
  return {
    counter: (name) => ({ add: (amount = 1) => raise(name, amount) }),
    gauge: (name) => ({ set: (value) => void values.set(name, value) }),
    histogram: (name) => ({
      observe: (value) => {
        raise(`${name}_count`, 1)
        raise(`${name}_sum`, value)
      },
    }),
    render: async () => [...values].map(([name, value]) => `${name} ${value}\n`).join(''),
  }
}
