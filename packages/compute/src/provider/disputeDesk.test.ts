/** Places at the desk are few, taken once each, and given back. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Clock } from '@weightless/env'
import { createDisputeDesk } from './disputeDesk.ts'

type Timer = { ms: number; signal: AbortSignal | undefined; ring: () => void }

function createHandClock() {
  const timers: Timer[] = []
  let nowMs = 0
  const clock = {
    monotonicMs: () => nowMs,
    sleep: (ms: number, signal?: AbortSignal) =>
      new Promise<void>((resolve, reject) => {
        timers.push({ ms, signal, ring: resolve })
        signal?.addEventListener('abort', () => reject(new Error('aborted')))
      }),
  } as unknown as Clock
  const goOn = (ms: number) => {
    nowMs += ms
  }
  return { clock, goOn, running: () => timers.filter(({ signal }) => !signal?.aborted) }
}

test('two disputes, one question of each at a time; a third has no place until one has rested', async () => {
  const { clock, running } = createHandClock()
  const forgotten: string[] = []
  const desk = createDisputeDesk(clock, (key) => forgotten.push(key))
  const first = desk.enter('first')!
  assert.equal(desk.enter('first'), undefined)
  desk.enter('second')
  first.leave()
  assert.equal(desk.enter('third'), undefined)
  assert.deepEqual(
    running().map(({ ms }) => ms),
    [600_000, 60_000],
  )
  running()[1]!.ring()
  await Promise.resolve()
  await Promise.resolve()
  assert.deepEqual(forgotten, ['first'])
  assert.ok(desk.enter('third'))
  desk.close()
  assert.deepEqual([forgotten, running()], [['first', 'second', 'third'], []])
})

test('a dispute that rests gives its place to one that wants it, the one that rested longest first; one at work never', () => {
  const { clock, goOn } = createHandClock()
  const forgotten: string[] = []
  const desk = createDisputeDesk(clock, (key) => forgotten.push(key))
  const first = desk.enter('first')!
  desk.enter('second')!.leave()
  first.leave()
  desk.enter('second')!.leave()
  goOn(4_999)
  assert.equal(desk.enter('third'), undefined)
  goOn(1)
  assert.ok(desk.enter('third'))
  assert.deepEqual(forgotten, ['first'])
  assert.ok(desk.enter('first'))
  assert.deepEqual(forgotten, ['first', 'second'])
  goOn(60_000)
  assert.equal(desk.enter('second'), undefined)
  desk.close()
})
