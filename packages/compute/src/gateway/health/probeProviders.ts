/** Asks providers that nobody asks for anything whether they are there, as long as the gateway is in use. COMPUTE §10.4 */
import type { Env } from '@weightless/env'
import type { GatewayMetrics } from '../gatewayMetrics.ts'
import type { ListedProvider, ProviderDirectory } from '../providerDirectory.ts'
import type { ProviderHealth } from './providerHealth.ts'

const probeTimeoutMs = 3_000
const atOnceMax = 8
const probesMaxARound = 200
const answerBytesMax = 1024 * 1024
/** A gateway that nobody uses rests, and lets chain and providers rest. */
const restAfterMs = 300_000

export type Prober = {
  /** Somebody uses the gateway. */
  busy(): void
  /** Ends when `signal` aborts. */
  run(signal: AbortSignal): Promise<void>
}

export function createProber(options: {
  env: Pick<Env, 'clock' | 'network' | 'log'>
  directory: ProviderDirectory
  health: ProviderHealth
  metrics: GatewayMetrics
  intervalMs: number
}): Prober {
  const { env, directory, health, metrics, intervalMs } = options
  const { clock, network } = env
  let usedAtMs = Number.NEGATIVE_INFINITY

  async function probe({ address, url }: ListedProvider): Promise<void> {
    const startedMs = clock.monotonicMs()
    try {
      const { status, bytes } = await network.fetch(`${url}/v1/models`, { timeoutMs: probeTimeoutMs })
      await bytes(answerBytesMax)
      health.probed(address, status === 200 ? clock.monotonicMs() - startedMs : undefined)
    } catch {
      // Whatever the fault is, it does not answer; that is what is written down.
      health.probed(address, undefined)
    }
  }

  async function round(): Promise<void> {
    const providers = await directory.list()
    const silent = providers.filter(({ address }) => (health.silentMs(address) ?? Number.MAX_VALUE) >= intervalMs)
    const left = silent.slice(0, probesMaxARound)
    const workers = Array.from({ length: Math.min(atOnceMax, left.length) }, async () => {
      for (let next = left.pop(); next; next = left.pop()) await probe(next)
    })
    await Promise.all(workers)
    const broken = providers.filter(({ address }) => health.stateOf(address) !== 'closed').length
    metrics.providersBroken.set(broken)
    metrics.providersHealthy.set(providers.length - broken)
  }

  return {
    busy: () => {
      usedAtMs = clock.monotonicMs()
    },
    async run(signal) {
      while (intervalMs > 0 && !signal.aborted) {
        await clock.sleep(intervalMs, signal).catch(() => undefined)
        if (signal.aborted || clock.monotonicMs() - usedAtMs > restAfterMs) continue
        await round().catch((fault) => env.log.debug('providers not probed', { reason: String(fault) }))
      }
    },
  }
}
