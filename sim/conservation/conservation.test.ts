/** Some sequences of each model on revm, and every wrong model found out. Thousands: `npm run sim:conservation`. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { models } from './models.ts'

describe('Conservation', () => {
  for (const { name, plants, run } of models) {
    it(`${name}: every wei is where the model says, after each step of random sequences`, async () => {
      let steps = 0
      await run({
        runs: 20,
        onPlayed: (count) => {
          steps += count
        },
      })
      assert.ok(steps >= 20 * 20)
    })

    for (const plant of plants) {
      it(`${name}: notices a model that is wrong by ${plant}`, async () => {
        await assert.rejects(run({ runs: 300, seed: 5, plant }), /Property failed after/)
      })
    }
  }
})
