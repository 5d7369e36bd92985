/** Requests and tokens per minute of each key: buckets that fill evenly, so that no client can spend two minutes' worth at once. COMPUTE §10.6 */
import type { Clock } from '@weightless/env'
import type { KeyPolicy } from './apiKey.ts'

export type RateLimiter = {
  /** Takes one request and `tokens`, or nothing at all. */
  take(keyId: string, policy: KeyPolicy, tokens: number): RateVerdict
  /** What was taken and not used, or used above what was taken. */
  correct(keyId: string, takenTokens: number, usedTokens: number): void
  /** The headers that OpenAI's clients know; empty where the key has no limit. */
  headersOf(keyId: string, policy: KeyPolicy): Record<string, string>
}

/** `takenTokens` is what the bucket was charged, less than asked where one request alone is larger than the bucket. */
export type RateVerdict = { ok: true; takenTokens: number } | { ok: false; of: 'requests' | 'tokens'; waitMs: number }

type Bucket = { level: number; atMs: number; perMinute: number }

const minuteMs = 60_000
/** Buckets of keys that have not been used for long are full anyway, and are forgotten. */
const bucketsMax = 20_000

export function createRateLimiter(clock: Clock): RateLimiter {
  const buckets = { requests: new Map<string, Bucket>(), tokens: new Map<string, Bucket>() }

  function bucketOf(of: 'requests' | 'tokens', keyId: string, perMinute: number): Bucket {
    const known = buckets[of]
    const nowMs = clock.monotonicMs()
    let bucket = known.get(keyId)
    if (!bucket || bucket.perMinute !== perMinute) {
      bucket = { level: perMinute, atMs: nowMs, perMinute }
    } else {
      bucket.level = Math.min(perMinute, bucket.level + ((nowMs - bucket.atMs) * perMinute) / minuteMs)
      bucket.atMs = nowMs
    }
    // The order of a map is that of insertion: whoever was used last stands at the end.
    known.delete(keyId)
    known.set(keyId, bucket)
    if (known.size > bucketsMax) forgetFull(known, nowMs)
    return bucket
  }

  return {
    take(keyId, { requestsPerMinute, tokensPerMinute }, tokens) {
      const requestBucket = requestsPerMinute === undefined ? undefined : bucketOf('requests', keyId, requestsPerMinute)
      const tokenBucket = tokensPerMinute === undefined ? undefined : bucketOf('tokens', keyId, tokensPerMinute)
      if (requestBucket && requestBucket.level < 1)
        return { ok: false, of: 'requests', waitMs: waitFor(requestBucket, 1) }
      // A request that is larger than the whole bucket waits for a full one, and its real use is put down afterwards.
      const takenTokens = Math.min(tokens, tokensPerMinute ?? tokens)
      if (tokenBucket && tokenBucket.level < takenTokens) {
        return { ok: false, of: 'tokens', waitMs: waitFor(tokenBucket, takenTokens) }
      }
      if (requestBucket) requestBucket.level -= 1
      if (tokenBucket) tokenBucket.level -= takenTokens
      return { ok: true, takenTokens }
    },
    correct(keyId, takenTokens, usedTokens) {
      const bucket = buckets.tokens.get(keyId)
      if (bucket) bucket.level = Math.min(bucket.perMinute, bucket.level + takenTokens - usedTokens)
    },
    headersOf(keyId, policy) {
      const headers: Record<string, string> = {}
      for (const unit of ['requests', 'tokens'] as const) {
        const perMinute = unit === 'requests' ? policy.requestsPerMinute : policy.tokensPerMinute
        if (perMinute === undefined) continue
        const bucket = bucketOf(unit, keyId, perMinute)
        headers[`x-ratelimit-limit-${unit}`] = String(perMinute)
        headers[`x-ratelimit-remaining-${unit}`] = String(Math.max(0, Math.floor(bucket.level)))
        headers[`x-ratelimit-reset-${unit}`] = `${(waitFor(bucket, perMinute) / 1000).toFixed(3)}s`
      }
      return headers
    },
  }
}

function waitFor({ level, perMinute }: Bucket, wanted: number): number {
  return Math.max(0, Math.ceil(((wanted - level) * minuteMs) / perMinute))
}

function forgetFull(known: Map<string, Bucket>, nowMs: number): void {
  for (const [keyId, { atMs }] of known) {
    if (nowMs - atMs < minuteMs) break
    known.delete(keyId)
  }
}
