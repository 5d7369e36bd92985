/** The newest of the answers that users let auditors see, a drawn share of them, in memory for a while. Spec: COMPUTE §10.11 */
import { bytesToUint, type Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { type Bundle, bundleToJson } from '@weightless/receipt'
import { sharedAnswerBytesMax } from '../../wire/sharedAnswers.ts'

export type SharedAnswers = {
  /** @param bundle - resolves when the provider has signed: only then is drawn */
  offer(bundle: Promise<Bundle | undefined>): void
  /** As JSON, the newest first. */
  of(provider: Hex): unknown[]
}

const perProviderMax = 32
const providersMax = 64
const keptMs = 600_000

export function createSharedAnswers({ clock, random }: Pick<Env, 'clock' | 'random'>, share: number): SharedAnswers {
  const kept = new Map<string, { json: unknown; untilMs: number }[]>()

  function keep(bundle: Bundle): void {
    const json = bundleToJson(bundle)
    if (JSON.stringify(json).length > sharedAnswerBytesMax) return
    const provider = bundle.receipt.provider.toLowerCase()
    const list = kept.get(provider) ?? []
    kept.delete(provider)
    kept.set(provider, [{ json, untilMs: clock.monotonicMs() + keptMs }, ...list].slice(0, perProviderMax))
    if (kept.size > providersMax) kept.delete(kept.keys().next().value!)
  }

  return {
    offer(promised) {
      promised.then(
        (bundle) => {
          const isDrawn = Number(bytesToUint(random.bytes(4))) < share * 2 ** 32
          if (bundle && isDrawn) keep(bundle)
        },
        () => undefined,
      )
    },
    of(provider) {
      const nowMs = clock.monotonicMs()
      const name = provider.toLowerCase()
      const live = (kept.get(name) ?? []).filter(({ untilMs }) => untilMs > nowMs)
      if (live.length === 0) kept.delete(name)
      else kept.set(name, live)
      return live.map(({ json }) => json)
    },
  }
}
