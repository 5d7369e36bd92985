/** Who may answer a request, in the order in which to ask. What may not is not in the list at all. Spec: COMPUTE §10.2 */
import { readUint32 } from '@weightless/codec'
import type { Random } from '@weightless/env'
import type { ProviderHealth } from '../health/providerHealth.ts'
import type { ListedProvider } from '../providerDirectory.ts'
import type { Preferences } from './preferences.ts'

export type Ordering = { health: ProviderHealth; random: Pick<Random, 'bytes'> }

/** @param keyProviders - those that the API key is limited to; empty: all */
export function orderProviders(
  offering: readonly ListedProvider[],
  preferences: Preferences,
  keyProviders: readonly string[],
  { health, random }: Ordering,
): ListedProvider[] {
  const allowed = offering.filter(
    (provider) => isAllowed(provider, preferences, keyProviders) && health.stateOf(provider.address) !== 'distrusted',
  )
  const sorted = sortBy(preferences, health, random, allowed)
  const ranked = sorted.toSorted((a, b) => rank(a, preferences, health) - rank(b, preferences, health))
  return preferences.allowFallbacks && preferences.pinned === undefined ? ranked : ranked.slice(0, 1)
}

/** Hard constraints: never relaxed, whatever is available. */
export function isAllowed(
  provider: ListedProvider,
  preferences: Preferences,
  keyProviders: readonly string[],
): boolean {
  const { pinned, only, ignore, maxPrice, trustMode, verification } = preferences
  const { address, price } = provider
  if (pinned !== undefined && address !== pinned) return false
  if (keyProviders.length > 0 && !keyProviders.includes(address)) return false
  if (only.length > 0 && !only.includes(address)) return false
  if (ignore.includes(address)) return false
  if (maxPrice.prompt !== undefined && price.inputWeiPerToken > maxPrice.prompt) return false
  if (maxPrice.completion !== undefined && price.outputWeiPerToken > maxPrice.completion) return false
  // Only what can be executed again can be checked or compared bit by bit.
  if (trustMode === 'verified' || verification.level !== 'none') return isExact(provider)
  return trustMode !== 'private' || isPrivate(provider)
}

/** Its answers can be re-executed by anybody. */
export function isExact({ verifiability, modelRoot }: ListedProvider): boolean {
  return verifiability === 'OpML' && modelRoot !== undefined && !/^0x0+$/.test(modelRoot)
}

/** Requests can be sealed to it; that this one is sealed is seen where the request is read. */
function isPrivate({ encryptionKey }: ListedProvider): boolean {
  return encryptionKey !== undefined
}

/** Named ones first, then the healthy, then those whose breaker is open: asked before giving up, never before another. */
function rank({ address }: ListedProvider, { order }: Preferences, health: ProviderHealth): number {
  const named = order.indexOf(address)
  const broken = health.stateOf(address) === 'open' ? 1_000 : 0
  return broken + (named < 0 ? 500 : named)
}

const sumOf = ({ price }: ListedProvider): bigint => price.inputWeiPerToken + price.outputWeiPerToken

function sortBy(
  { sort }: Preferences,
  health: ProviderHealth,
  random: Ordering['random'],
  providers: readonly ListedProvider[],
): ListedProvider[] {
  const byPrice = (a: ListedProvider, b: ListedProvider) => (sumOf(a) < sumOf(b) ? -1 : sumOf(a) > sumOf(b) ? 1 : 0)
  if (sort === 'price') {
    return providers.toSorted(
      (a, b) => byPrice(a, b) || health.expectedFirstTokenMs(a.address) - health.expectedFirstTokenMs(b.address),
    )
  }
  if (sort === 'latency') {
    const expected = new Map(providers.map(({ address }) => [address, health.expectedFirstTokenMs(address)]))
    return providers.toSorted((a, b) => expected.get(a.address)! - expected.get(b.address)! || byPrice(a, b))
  }
  if (sort === 'throughput') {
    // Whoever was never measured is tried.
    const speed = ({ address }: ListedProvider) => health.figures(address).tokensPerSecond ?? Number.MAX_VALUE
    return providers.toSorted((a, b) => speed(b) - speed(a) || byPrice(a, b))
  }
  return drawByPrice(providers, random)
}

/** One after another, each with a chance of price^-2 among those left: the cheap get most, and nobody gets everything. */
function drawByPrice(providers: readonly ListedProvider[], random: Ordering['random']): ListedProvider[] {
  if (providers.length < 2) return [...providers]
  const least = providers.map(sumOf).toSorted((a, b) => (a < b ? -1 : 1))[0]!
  const left = providers.map((provider) => {
    // Ratios of wei, exact enough: a price of 0 counts as one wei.
    const ratio = Number(((sumOf(provider) + 1n) * 1_000_000n) / (least + 1n)) / 1_000_000
    return { provider, weight: 1 / (ratio * ratio) }
  })
  const drawn: ListedProvider[] = []
  while (left.length > 0) {
    const total = left.reduce((sum, { weight }) => sum + weight, 0)
    let point = (readUint32(random.bytes(4), 0) / 2 ** 32) * total
    const found = left.findIndex(({ weight }) => {
      point -= weight
      return point < 0
    })
    const at = found < 0 ? left.length - 1 : found
    drawn.push(left.splice(at, 1)[0]!.provider)
  }
  return drawn
}
