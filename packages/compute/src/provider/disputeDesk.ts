/** Which disputes are open at a provider: few at a time, one question of each, and those that rest are dropped. Spec: spec/dispute.md §9.3 */
import type { Clock } from '@weightless/env'
import { createRateLimits, type RateLimits } from '../admission/rateLimits.ts'

export type DisputeDesk = {
  /** By receipt. */
  rates: RateLimits
  /** Undefined while a question of this dispute is being answered, or others take all places. */
  enter(key: string): { leave(): void } | undefined
  /** Ends all of them. */
  close(): void
}

const openMax = 2
const idleMsMax = 60_000
/** One that rests so long gives its place to another that wants it; its next question is answered from the beginning again. */
const yieldMs = 5_000
/** A question that takes longer is ended, and its dispute with it. */
const answerMsMax = 600_000
const questionsPerMinute = 600

/** @param forget - ends what is under way for a dispute */
export function createDisputeDesk(clock: Clock, forget: (key: string) => void): DisputeDesk {
  const open = new Map<string, { busy: boolean; restsSinceMs: number; timer: AbortController }>()
  function drop(key: string): void {
    open.get(key)?.timer.abort()
    open.delete(key)
    forget(key)
  }
  function dropAfter(key: string, ms: number): AbortController {
    const timer = new AbortController()
    clock.sleep(ms, timer.signal).then(
      () => drop(key),
      () => undefined,
    )
    return timer
  }
  /** Entries are in the order of their last question, so that the first that rests has rested longest. */
  function makePlace(): boolean {
    if (open.size < openMax) return true
    const resting = [...open].find(([, { busy }]) => !busy)
    if (!resting || clock.monotonicMs() - resting[1].restsSinceMs < yieldMs) return false
    drop(resting[0])
    return true
  }
  return {
    rates: createRateLimits({ clock, perMinute: questionsPerMinute }),
    close() {
      for (const key of [...open.keys()]) drop(key)
    },
    enter(key) {
      const known = open.get(key)
      if (known?.busy || (!known && !makePlace())) return undefined
      known?.timer.abort()
      const entry = { busy: true, restsSinceMs: 0, timer: dropAfter(key, answerMsMax) }
      open.delete(key)
      open.set(key, entry)
      return {
        leave() {
          entry.timer.abort()
          entry.busy = false
          entry.restsSinceMs = clock.monotonicMs()
          if (open.get(key) === entry) entry.timer = dropAfter(key, idleMsMax)
        },
      }
    },
  }
}
