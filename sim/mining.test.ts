/** The quick form of `npm run sim -- --scenario storage/mining`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { huntPlantedBug, runScenario } from './runScenario.ts'
import { storageMining } from './storageMining.sim.ts'

test('sealed fragments survive the death of their holder under 12 seeds, and a seed repeats itself exactly', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const first = await runScenario(storageMining, seed)
    assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
    if (seed <= 2) assert.equal((await runScenario(storageMining, seed)).auditHash, first.auditHash)
  }
})

for (const bug of storageMining.plants) {
  test(`storage/mining finds the planted bug ${bug} within 200 seeds`, async () => {
    const seeds = Array.from({ length: 200 }, (_, at) => at + 1)
    assert.notEqual(await huntPlantedBug(storageMining, bug, seeds), undefined)
  })
}
