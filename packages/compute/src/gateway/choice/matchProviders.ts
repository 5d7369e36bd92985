/**
 * Providers in the order of the market's match. What the gateway itself knows may pass one over, never put one forward,
 * and the answer's header says what was drawn from which block and who was passed over why. Spec: COMPUTE §10.2.1
 */
import type { Hex } from '@weightless/codec'
import { matchNeed, type Need } from '@weightless/contracts/matchNeed'
import type { HttpHeaders } from '@weightless/env'
import { type NeedWish, needOf } from '../../wire/marketNeed.ts'
import { matchHeader, matchToHeader, type Skipped } from '../../wire/matchStatement.ts'
import type { ProviderHealth } from '../health/providerHealth.ts'
import type { ListedProvider } from '../providerDirectory.ts'
import type { Draw } from './marketList.ts'
import { isAllowed } from './orderProviders.ts'
import type { Preferences } from './preferences.ts'

export type MarketMatch = {
  /** @param able - providers of `model` that can serve the request @returns in the order in which to ask */
  order(model: string, able: readonly ListedProvider[]): ListedProvider[]
  headers(): HttpHeaders
}

export function openMatch(
  wish: NeedWish,
  { market, requester, draw }: { market: Hex; requester: Hex; draw: Draw },
  preferences: Preferences,
  keyProviders: readonly string[],
  health: ProviderHealth,
): MarketMatch {
  const { state, seed, count } = draw
  const skipped: Skipped[] = []
  const models: Hex[] = []
  let need: Need | undefined

  function whyNot(provider: ListedProvider | undefined, firstTokenMsMax: number): Skipped['why'] | undefined {
    if (!provider) return 'cannot-serve'
    if (!isAllowed(provider, preferences, keyProviders)) return 'not-allowed'
    const behaviour = health.stateOf(provider.address)
    if (behaviour === 'distrusted') return 'distrusted'
    if (firstTokenMsMax > 0 && health.expectedFirstTokenMs(provider.address) > firstTokenMsMax) return 'too-slow'
    return behaviour === 'open' ? 'breaker-open' : undefined
  }

  return {
    order(model, able) {
      need = needOf(wish, model)
      models.push(need.model)
      const inPlace: ListedProvider[] = []
      const late: ListedProvider[] = []
      for (const matched of matchNeed(state.candidates, need, seed)) {
        const address = matched.toLowerCase() as Hex
        const provider = able.find((one) => one.address === address)
        const why = whyNot(provider, need.firstTokenMsMax)
        if (why) skipped.push({ provider: address, why })
        if (provider && (why === undefined || why === 'breaker-open')) (why ? late : inPlace).push(provider)
      }
      // Asked before giving up, as everywhere.
      const ordered = [...inPlace, ...late]
      return preferences.allowFallbacks && preferences.pinned === undefined ? ordered : ordered.slice(0, 1)
    },
    headers() {
      if (!need) return {}
      const { blockNumber, blockHash } = state
      const place = { market, blockNumber, blockHash, requester, count }
      return { [matchHeader]: matchToHeader({ ...place, models, need: saidNeed(need), skipped, skippedMore: 0 }) }
    },
  }
}

const saidNeed = ({ model: _, ...need }: Need): Omit<Need, 'model'> => need
