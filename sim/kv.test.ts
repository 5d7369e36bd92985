/** The quick form of `npm run sim` for key-value streams and the sorted store under them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kvReplay } from './kvReplay.sim.ts'
import { huntPlantedBug, runScenario } from './runScenario.ts'
import { storeSorted } from './storeSorted.sim.ts'

for (const [scenario, seeds] of [
  [storeSorted, 12],
  [kvReplay, 12],
] as const) {
  test(`${scenario.name} holds under ${seeds} seeds, and a seed repeats itself exactly`, async () => {
    let crashes = 0
    for (let seed = 1; seed <= seeds; seed++) {
      const first = await runScenario(scenario, seed)
      assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
      if (seed <= 3) assert.equal((await runScenario(scenario, seed)).auditHash, first.auditHash)
      crashes += (first.faultsFired.crash ?? 0) + (first.faultsFired.kill ?? 0)
    }
    assert.ok(crashes > seeds, `only ${crashes} crashes`)
  })

  for (const bug of scenario.plants) {
    test(`${scenario.name} finds the planted bug ${bug} within 200 seeds`, async () => {
      const all = Array.from({ length: 200 }, (_, at) => at + 1)
      assert.notEqual(await huntPlantedBug(scenario, bug, all), undefined)
    })
  }
}
