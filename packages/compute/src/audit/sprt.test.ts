import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createSprt, SprtPlanInvalidError, type SprtState, sprtStart } from './sprt.ts'

/** Computed for agreement per token of 0.98 against 0.95 and 0.90, alpha 1e-4, beta 1e-2: tokens until a decision. */
const known = [
  { cheating: 0.05, ofCheater: 557, ofHonest: 379 },
  { cheating: 0.1, ofCheater: 107, ofHonest: undefined },
]

describe('Sequential test', () => {
  for (const { cheating, ofCheater, ofHonest } of known) {
    it(`needs the known number of outcomes against a rate of ${cheating}`, () => {
      const test = createSprt({ honest: 0.02, cheating, alpha: 1e-4, beta: 1e-2 })
      assert.equal(Math.round(test.expectedSamples(cheating)), ofCheater)
      if (ofHonest !== undefined) assert.equal(Math.round(test.expectedSamples(0.02)), ofHonest)
    })
  }

  it('decides an exact engine by two failures, or by seven answers that are right', () => {
    const test = createSprt({ honest: 1e-3, cheating: 0.5, alpha: 1e-4, beta: 1e-2 })
    let state: SprtState = test.observe(sprtStart, true)
    assert.equal(test.decide(state), 'open')
    state = test.observe(state, true)
    assert.equal(test.decide(state), 'faulty')
    let clean = sprtStart
    for (let i = 0; i < 6; i++) clean = test.observe(clean, false)
    assert.equal(test.decide(clean), 'open')
    assert.equal(test.decide(test.observe(clean, false)), 'clean')
  })

  it('errs as rarely as it says, within three sigma', () => {
    const plan = { honest: 0.02, cheating: 0.3, alpha: 0.01, beta: 0.02 }
    const test = createSprt(plan)
    const runs = 4_000
    const random = seeded(7)
    const shareOf = (rate: number, wrong: string) => {
      let count = 0
      for (let i = 0; i < runs; i++) {
        let state = sprtStart
        while (test.decide(state) === 'open') state = test.observe(state, random() < rate)
        if (test.decide(state) === wrong) count++
      }
      return count / runs
    }
    const bound = (rate: number) => rate + 3 * Math.sqrt((rate * (1 - rate)) / runs)
    // Wald's bounds, which the overshoot makes smaller.
    assert.ok(shareOf(plan.honest, 'faulty') <= bound(plan.alpha / (1 - plan.beta)))
    assert.ok(shareOf(plan.cheating, 'clean') <= bound(plan.beta / (1 - plan.alpha)))
  })

  it('refuses plans that decide nothing', () => {
    const plan = { honest: 0.1, cheating: 0.2, alpha: 0.01, beta: 0.01 }
    for (const part of [{ honest: 0 }, { honest: 0.2 }, { cheating: 1 }, { alpha: 0 }, { beta: 0.99 }]) {
      assert.throws(() => createSprt({ ...plan, ...part }), SprtPlanInvalidError)
    }
  })
})

function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
