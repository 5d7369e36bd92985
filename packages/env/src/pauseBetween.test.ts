import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from './env.ts'
import { pauseBetween } from './pauseBetween.ts'

/** When work of quarters of a millisecond pauses, where each pause takes so long. */
async function pausesOf(things: number, pauseMs: number): Promise<number[]> {
  let nowMs = 0
  const pausedAtMs: number[] = []
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    async sleep() {
      pausedAtMs.push(nowMs)
      nowMs += pauseMs
    },
  } satisfies Clock
  const pause = pauseBetween(clock)
  for (let thing = 0; thing < things; thing++) {
    await pause()
    nowMs += 0.25
  }
  return pausedAtMs
}

test('work pauses whenever a piece of it has become long, and at no other time', async () => {
  assert.deepEqual(await pausesOf(9, 0.25), [0.5, 1.25, 2, 2.75])
})

test('where much waits, the work gets half of the time', async () => {
  assert.deepEqual(await pausesOf(83, 10), [0.5, 20.5, 40.5])
})
