import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callLater } from './callLater.ts'
import { createSim } from './sim/index.ts'

/** Runs limits of `ms` begun at once, calling off those of `off` at their time, and says what expired when. */
function expired(limits: number[], off: Record<number, number> = {}): Promise<[number, number][]> {
  const sim = createSim({ seed: 1 })
  const { clock } = sim.boot('a')
  const seen: [number, number][] = []
  const startMs = clock.monotonicMs()
  for (const [index, ms] of limits.entries()) {
    const callOff = callLater(clock, ms, () => seen.push([ms, clock.monotonicMs() - startMs]))
    if (off[index] !== undefined) clock.sleep(off[index]).then(callOff)
  }
  return sim.run(clock.sleep(5_000).then(() => seen))
}

test('limits expire at their time, in whatever order they were set', async () => {
  assert.deepEqual(await expired([1_000, 30, 600, 0]), [
    [0, 0],
    [30, 30],
    [600, 600],
    [1_000, 1_000],
  ])
})

test('what is called off does not expire', async () => {
  assert.deepEqual(await expired([1_000, 30, 600], { 0: 900, 1: 29 }), [[600, 600]])
})
