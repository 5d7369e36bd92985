import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './env.ts'
import { pauseBetween } from './pauseBetween.ts'

test('work pauses whenever a piece of it has become long, and at no other time', async () => {
  let nowMs = 0
  const pausedAtMs: number[] = []
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep() {
      pausedAtMs.push(nowMs)
      // Others take their time meanwhile, which is not this work's.
      nowMs += 10
    },
  } satisfies Clock
  const pause = pauseBetween(clock)
  for (let thing = 0; thing < 9; thing++) {
    await pause()
    nowMs += 0.25
  }
  assert.deepEqual(pausedAtMs, [0.5, 11, 21.5, 32])
})
