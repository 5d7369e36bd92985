/** The quick form of `npm run sim -- --scenario storage/payment`. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runScenario } from './runScenario.ts'
import { storagePayment } from './storagePayment.sim.ts'

test('files are paid once under 6 seeds, and a seed repeats itself exactly', async () => {
  let kills = 0
  for (let seed = 1; seed <= 6; seed++) {
    const first = await runScenario(storagePayment, seed)
    assert.equal(first.failure, undefined, `seed ${seed}: ${String(first.failure)}`)
    kills += first.faultsFired.kill ?? 0
    if (seed === 1) assert.equal((await runScenario(storagePayment, seed)).auditHash, first.auditHash)
  }
  assert.ok(kills > 20)
})
