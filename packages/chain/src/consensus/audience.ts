/** Whether anybody watches the chain: open subscriptions, or polls in the last seconds. It decides the heartbeat. */
import type { Clock } from '@weightless/env'

export type Audience = {
  /** Someone asked for something that new blocks answer. */
  poll(): void
  /** Someone holds a subscription; the function that comes back ends it. */
  join(): () => void
  isWatching(): boolean
  /** Called when watching begins. */
  onArrival(listener: () => void): void
}

export function createAudience(clock: Clock, memoryMs: number): Audience {
  let lastPollMs = Number.NEGATIVE_INFINITY
  let members = 0
  let arrived: () => void = () => undefined
  const isWatching = () => members > 0 || clock.monotonicMs() - lastPollMs < memoryMs
  return {
    isWatching,
    poll() {
      const before = isWatching()
      lastPollMs = clock.monotonicMs()
      if (!before) arrived()
    },
    join() {
      const before = isWatching()
      members++
      if (!before) arrived()
      let joined = true
      return () => {
        if (joined) members--
        joined = false
      }
    },
    onArrival(listener) {
      arrived = listener
    },
  }
}
