/** Metrics in prom-client, one registry per Env. */
import prometheus from 'prom-client'
import type { Metrics } from '../env.ts'

export function createNodeMetrics(): Metrics {
  const registry = new prometheus.Registry()
  const known = new Map<string, unknown>()
  const once = <Metric>(name: string, make: () => Metric): Metric => {
    if (!known.has(name)) known.set(name, make())
    return known.get(name) as Metric
  }
  const registers = [registry]
  return {
    counter: (name, help) =>
      once(name, () => {
        const counter = new prometheus.Counter({ name, help, registers })
        return { add: (amount = 1) => counter.inc(amount) }
      }),
    gauge: (name, help) =>
      once(name, () => {
        const gauge = new prometheus.Gauge({ name, help, registers })
        return { set: (value: number) => gauge.set(value) }
      }),
    histogram: (name, help, buckets) =>
      once(name, () => {
        const histogram = new prometheus.Histogram({ name, help, buckets: [...buckets], registers })
        return { observe: (value: number) => histogram.observe(value) }
      }),
    render: () => registry.metrics(),
  }
}
