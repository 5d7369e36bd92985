/** What counts as a measurement, and when it is told the chain again. MARKET §3.4 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeEnv } from '@weightless/env/node'
import { isNews } from './keepOffer.ts'
import { measureAtRest } from './measureAtRest.ts'
import { weighCourses } from './measureCapacity.ts'

test('tokens after the first, over the time in which all came; slots are those that began', () => {
  const courses = [{ timesMs: [1_100, 1_600, 2_100] }, { timesMs: [1_300, 1_800, 2_300] }, { timesMs: [] }]
  // Four tokens beside the first two, in the 1.2 s from the first to the last.
  assert.deepEqual(weighCourses(courses, 1_000, true), { tokensPerSecond: 3, concurrentSlots: 2, firstTokenMs: 300 })
  assert.equal(weighCourses([{ timesMs: [] }], 0, true), undefined)
  const whole = [{ timesMs: [40] }, { timesMs: [60] }]
  assert.deepEqual(weighCourses(whole, 0, false), { tokensPerSecond: 0, concurrentSlots: 2, firstTokenMs: 60 })
  assert.equal(weighCourses([{ timesMs: [0.2] }], 0, true)?.firstTokenMs, 1)
})

test('an offer is renewed where it is more than a quarter off, has other slots, or is a day old', () => {
  const old = { tokensPerSecond: 100, concurrentSlots: 8, firstTokenMs: 400, measuredAt: 1_000n }
  const isNewsAt = (change: object) => isNews(old, { ...old, measuredAt: 5_000n, ...change })
  assert.equal(isNewsAt({}), false)
  assert.equal(isNewsAt({ tokensPerSecond: 125, firstTokenMs: 300 }), false)
  assert.equal(isNewsAt({ tokensPerSecond: 126 }), true)
  assert.equal(isNewsAt({ tokensPerSecond: 74 }), true)
  assert.equal(isNewsAt({ firstTokenMs: 501 }), true)
  assert.equal(isNewsAt({ concurrentSlots: 7 }), true)
  assert.equal(isNewsAt({ measuredAt: 1_000n + 86_400n }), true)
  assert.equal(isNews({ ...old, measuredAt: 0n }, { ...old, measuredAt: 1n }), true)
})

test('a measurement ends when a customer comes or the provider stops, and else runs to its end', async () => {
  const env = createNodeEnv({ dataFolder: 'unused', log: 'silent' })
  const { clock } = env
  const untilEnded = (signal: AbortSignal) =>
    new Promise<string>((resolve) => {
      if (signal.aborted) resolve('given up')
      else signal.addEventListener('abort', () => resolve('given up'), { once: true })
    })
  let jobs = 0
  const stop = new AbortController()
  const rest = { clock, stop: stop.signal, isBusy: () => jobs > 0 }
  const measuring = measureAtRest(rest, untilEnded)
  jobs = 1
  assert.equal(await measuring, 'given up')
  jobs = 0
  const seen = await measureAtRest(rest, async (signal) => signal)
  jobs = 1
  await clock.sleep(50)
  assert.equal(seen.aborted, false)
  jobs = 0
  const stopped = measureAtRest(rest, untilEnded)
  stop.abort()
  assert.equal(await stopped, 'given up')
  await env.close()
})
