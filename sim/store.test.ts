/** The quick form of `npm run sim` for the store: a few seeds, each twice, and every planted bug found. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { huntPlantedBug, runScenario } from './runScenario.ts'
import { storeKeyValue } from './storeKeyValue.sim.ts'
import { storeLog } from './storeLog.sim.ts'
import { storeNodes } from './storeNodes.sim.ts'
import { storeRecords } from './storeRecords.sim.ts'

for (const scenario of [storeLog, storeKeyValue, storeNodes, storeRecords]) {
  test(`${scenario.name} holds under 15 seeds, and a seed repeats itself exactly`, async () => {
    let crashes = 0
    for (let seed = 1; seed <= 15; seed++) {
      const first = await runScenario(scenario, seed)
      assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
      const second = await runScenario(scenario, seed)
      assert.equal(first.auditHash, second.auditHash)
      crashes += first.faultsFired.crash ?? 0
    }
    assert.ok(crashes > 15, `only ${crashes} crashes`)
  })

  for (const bug of scenario.plants) {
    test(`${scenario.name} finds the planted bug ${bug} within 200 seeds`, async () => {
      const seeds = Array.from({ length: 200 }, (_, at) => at + 1)
      assert.notEqual(await huntPlantedBug(scenario, bug, seeds), undefined)
    })
  }
}
