/** How providers really behave: smoothed times and errors of what they answered, and a breaker for those who fail. COMPUTE §10.4 */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'

export type BreakerState = 'closed' | 'open' | 'half-open' | 'distrusted'

export type ProviderFigures = {
  state: BreakerState
  firstTokenMs: number | undefined
  tokensPerSecond: number | undefined
  /** 0 to 1, recent attempts weigh most. */
  errorRate: number
  /** Round trip of the last probe. */
  probeMs: number | undefined
  requests: number
  failures: number
}

export type ProviderHealth = {
  answered(provider: Hex, firstTokenMs: number): void
  /** Speed of a whole answer, from its receipt. */
  delivered(provider: Hex, tokens: number, overMs: number): void
  failed(provider: Hex): void
  /** It billed falsely: not asked again for an hour, whatever else happens. */
  distrust(provider: Hex): void
  probed(provider: Hex, roundTripMs: number | undefined): void
  /** May be asked in its place; in `half-open` one request alone may, which `tries` takes. */
  stateOf(provider: Hex): BreakerState
  /** Says that a request now goes there. */
  tries(provider: Hex): void
  /** To sort by: 0 for whoever has to be measured (again). */
  expectedFirstTokenMs(provider: Hex): number
  figures(provider: Hex): ProviderFigures
  /** Milliseconds since something was last heard of it; undefined: never. */
  silentMs(provider: Hex): number | undefined
}

type Behaviour = Omit<ProviderFigures, 'state'> & {
  consecutiveFailures: number
  openedAtMs: number
  openForMs: number
  distrustedUntilMs: number
  /** Of the trial under way, or of the last request for the sake of measuring. */
  triedAtMs: number
  heardAtMs: number | undefined
  measuredAtMs: number | undefined
}

const weight = 0.3
const failuresToOpen = 3
const errorRateToOpen = 0.5
const openMsMin = 5_000
const openMsMax = 60_000
const trialMsMax = 30_000
const distrustMs = 3_600_000
/** A time that nobody has confirmed for so long is measured anew by the next request. */
const staleMs = 15_000
const providersMax = 5_000

export function createProviderHealth(clock: Clock): ProviderHealth {
  const behaviours = new Map<Hex, Behaviour>()
  const nowMs = () => clock.monotonicMs()

  function of(provider: Hex): Behaviour {
    let known = behaviours.get(provider)
    if (!known) {
      if (behaviours.size >= providersMax) behaviours.delete(behaviours.keys().next().value!)
      known = unknownBehaviour()
      behaviours.set(provider, known)
    }
    return known
  }

  function stateOf(provider: Hex): BreakerState {
    const known = behaviours.get(provider)
    if (!known) return 'closed'
    if (known.distrustedUntilMs > nowMs()) return 'distrusted'
    if (known.openForMs === 0) return 'closed'
    if (nowMs() < known.openedAtMs + known.openForMs) return 'open'
    // One trial at a time; one that never came back is over after a while.
    return nowMs() < known.triedAtMs + trialMsMax && known.triedAtMs >= known.openedAtMs ? 'open' : 'half-open'
  }

  return {
    stateOf,
    answered(provider, firstTokenMs) {
      const known = of(provider)
      known.requests++
      known.consecutiveFailures = 0
      known.openForMs = 0
      known.errorRate *= 1 - weight
      known.firstTokenMs = smooth(known.firstTokenMs, firstTokenMs)
      known.heardAtMs = known.measuredAtMs = nowMs()
    },
    delivered(provider, tokens, overMs) {
      if (tokens < 2 || overMs <= 0) return
      const known = of(provider)
      known.tokensPerSecond = smooth(known.tokensPerSecond, (tokens * 1000) / overMs)
    },
    failed(provider) {
      const known = of(provider)
      known.requests++
      known.failures++
      known.consecutiveFailures++
      known.errorRate = known.errorRate * (1 - weight) + weight
      known.heardAtMs = nowMs()
      trip(known, nowMs())
    },
    distrust(provider) {
      of(provider).distrustedUntilMs = nowMs() + distrustMs
    },
    probed(provider, roundTripMs) {
      const known = of(provider)
      known.heardAtMs = nowMs()
      if (roundTripMs === undefined) {
        known.consecutiveFailures++
        trip(known, nowMs())
      } else {
        known.probeMs = roundTripMs
        // It answers again: the next request may try it.
        if (known.openForMs > 0) known.openForMs = Math.min(known.openForMs, nowMs() - known.openedAtMs)
      }
    },
    tries(provider) {
      of(provider).triedAtMs = nowMs()
    },
    expectedFirstTokenMs(provider) {
      const known = behaviours.get(provider)
      if (known?.firstTokenMs === undefined) return 0
      const isStale = nowMs() - known.measuredAtMs! > staleMs && nowMs() - known.triedAtMs > staleMs
      return isStale ? 0 : known.firstTokenMs
    },
    figures(provider) {
      const { firstTokenMs, tokensPerSecond, errorRate, probeMs, requests, failures } =
        behaviours.get(provider) ?? unknownBehaviour()
      return { state: stateOf(provider), firstTokenMs, tokensPerSecond, errorRate, probeMs, requests, failures }
    },
    silentMs(provider) {
      const heardAtMs = behaviours.get(provider)?.heardAtMs
      return heardAtMs === undefined ? undefined : nowMs() - heardAtMs
    },
  }
}

/** Opens the breaker, for longer each time that a trial fails too. */
function trip(known: Behaviour, nowMs: number): void {
  const wasOpen = known.openForMs > 0
  const bad = known.consecutiveFailures >= failuresToOpen || (known.errorRate >= errorRateToOpen && known.requests >= 5)
  if (!wasOpen && !bad) return
  // Failures of requests that were under way when it opened say nothing new.
  if (wasOpen && nowMs < known.openedAtMs + known.openForMs) return
  known.openForMs = wasOpen ? Math.min(known.openForMs * 2, openMsMax) : openMsMin
  known.openedAtMs = nowMs
}

function smooth(before: number | undefined, now: number): number {
  return before === undefined ? now : before * (1 - weight) + now * weight
}

function unknownBehaviour(): Behaviour {
  return {
    firstTokenMs: undefined,
    tokensPerSecond: undefined,
    errorRate: 0,
    probeMs: undefined,
    requests: 0,
    failures: 0,
    consecutiveFailures: 0,
    openedAtMs: 0,
    openForMs: 0,
    distrustedUntilMs: 0,
    triedAtMs: Number.NEGATIVE_INFINITY,
    heardAtMs: undefined,
    measuredAtMs: undefined,
  }
}
