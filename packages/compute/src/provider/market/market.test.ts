/** What counts as a measurement, and when it is told the chain again. MARKET §3.4 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isNews } from './keepOffer.ts'
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
