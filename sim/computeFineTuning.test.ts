/** The quick form of `npm run sim` for fine-tuning: a few seeds, each twice, and the planted bug found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { computeFineTuning } from './computeFineTuning.sim.ts'
import { huntPlantedBug, runScenario } from './runScenario.ts'

test('compute/fineTuning holds under 12 seeds, and a seed repeats itself exactly', async () => {
  let crashes = 0
  let resumed = 0
  for (let seed = 1; seed <= 12; seed++) {
    const first = await runScenario(computeFineTuning, seed)
    assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
    const second = await runScenario(computeFineTuning, seed)
    assert.equal(first.auditHash, second.auditHash)
    crashes += first.faultsFired.crash ?? 0
    resumed += first.logLines.filter((line) => line.includes('training resumed')).length
  }
  assert.ok(crashes > 5, `only ${crashes} crashes`)
  assert.ok(resumed > 5, `only ${resumed} trainings went on from a saved step`)
})

test('compute/fineTuning finds the planted bug skip-fsync within 60 seeds', async () => {
  const seeds = Array.from({ length: 60 }, (_, at) => at + 1)
  assert.notEqual(await huntPlantedBug(computeFineTuning, 'skip-fsync', seeds), undefined)
})
