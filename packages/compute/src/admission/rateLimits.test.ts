/** A share that fills evenly, for each user alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@weightless/env'
import { createRateLimits } from './rateLimits.ts'

test('a user’s requests of a minute are counted, refused beyond, and come back evenly', () => {
  let nowMs = 0
  const clock = { monotonicMs: () => nowMs } as Clock
  const rates = createRateLimits({ clock, perMinute: 6 })
  for (let left = 5; left >= 0; left--) {
    const { ok, headers } = rates.take('a')
    assert.deepEqual([ok, headers['x-ratelimit-remaining-requests']], [true, String(left)])
  }
  const refused = rates.take('a')
  assert.deepEqual([refused.ok, refused.retryAfterSeconds], [false, 10])
  assert.equal(refused.headers['x-ratelimit-limit-requests'], '6')
  assert.ok(rates.take('b').ok)
  nowMs += 10_000
  assert.deepEqual([rates.take('a').ok, rates.take('a').ok], [true, false])
  nowMs += 3_600_000
  assert.equal(rates.take('a').headers['x-ratelimit-remaining-requests'], '5')
})
