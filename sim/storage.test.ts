/** The quick form of `npm run sim -- --scenario storage/upload`, and of `storage/coded`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { huntPlantedBug, runScenario } from './runScenario.ts'
import { storageCoded } from './storageCoded.sim.ts'
import { storageUpload } from './storageUpload.sim.ts'

test('an upload survives the death of its node under 6 seeds, and a seed repeats itself exactly', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    const first = await runScenario(storageUpload, seed)
    assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
    assert.ok((first.faultsFired.crash ?? 0) + (first.faultsFired.kill ?? 0) > 3)
    if (seed <= 2) assert.equal((await runScenario(storageUpload, seed)).auditHash, first.auditHash)
  }
})

for (const bug of storageUpload.plants) {
  test(`storage/upload finds the planted bug ${bug} within 200 seeds`, async () => {
    const seeds = Array.from({ length: 200 }, (_, at) => at + 1)
    assert.notEqual(await huntPlantedBug(storageUpload, bug, seeds), undefined)
  })
}

test('coded files outlive a bad world under 2 seeds, and a seed repeats itself exactly', async () => {
  for (let seed = 1; seed <= 2; seed++) {
    const first = await runScenario(storageCoded, seed)
    assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
    if (seed === 1) assert.equal((await runScenario(storageCoded, seed)).auditHash, first.auditHash)
  }
})

for (const bug of ['skip-fragment-check', 'ignore-rot']) {
  test(`storage/coded finds the planted bug ${bug} within 20 seeds`, async () => {
    const seeds = Array.from({ length: 20 }, (_, at) => at + 1)
    assert.notEqual(await huntPlantedBug(storageCoded, bug, seeds), undefined)
  })
}
