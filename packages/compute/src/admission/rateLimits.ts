/** How many requests a user may make in a minute, told as `x-ratelimit-*` like other services do. Spec: COMPUTE §7.5 */
import type { Clock } from '@weightless/env'

export type RateLimits = {
  /** Takes one request from the user's share; `headers` go with the answer, whatever it is. */
  take(user: string): { ok: boolean; retryAfterSeconds: number; headers: Record<string, string> }
}

type Bucket = { requests: number; atMs: number }

/** A bucket that is full says nothing: the oldest are forgotten first. */
const usersMax = 10_000
const minuteMs = 60_000

/** A bucket of `perMinute` requests that fills evenly. */
export function createRateLimits({ clock, perMinute }: { clock: Clock; perMinute: number }): RateLimits {
  const buckets = new Map<string, Bucket>()
  return {
    take(user) {
      const nowMs = clock.monotonicMs()
      const known = buckets.get(user) ?? { requests: perMinute, atMs: nowMs }
      const filled = Math.min(perMinute, known.requests + ((nowMs - known.atMs) * perMinute) / minuteMs)
      const ok = filled >= 1
      const requests = ok ? filled - 1 : filled
      buckets.delete(user)
      buckets.set(user, { requests, atMs: nowMs })
      if (buckets.size > usersMax) buckets.delete(buckets.keys().next().value!)
      const resetSeconds = ((perMinute - requests) / perMinute) * 60
      return {
        ok,
        retryAfterSeconds: ok ? 0 : Math.max(1, Math.ceil(((1 - filled) / perMinute) * 60)),
        headers: {
          'x-ratelimit-limit-requests': String(perMinute),
          'x-ratelimit-remaining-requests': String(Math.floor(requests)),
          'x-ratelimit-reset-requests': `${resetSeconds.toFixed(3)}s`,
        },
      }
    },
  }
}
