/** The quick form of `npm run sim -- --scenario audits/rounds`: a cheat that contests, and one that was framed. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { auditRounds } from './auditRounds.sim.ts'
import { runScenario } from './runScenario.ts'

test('auditors killed at their work miss no report, and a jury tells the cheat from the framed', async () => {
  for (const seed of [1, 2]) {
    const { failure, faultsFired } = await runScenario(auditRounds, seed)
    assert.equal(failure, undefined, `seed ${seed}: ${String(failure)}`)
    assert.ok((faultsFired.kill ?? 0) >= 4)
  }
})
