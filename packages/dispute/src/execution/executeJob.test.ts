import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesSource, loadModel } from '@weightless/tensor'
import { bodyOperatorCount } from '@weightless/tensor/model/describeGraph'
import { planStep } from '../referee/judge.ts'
import { openProbe, runProbe } from '../referee/probeJob.cases.ts'
import { outputOf } from '../working/evaluateWorking.ts'
import { executeJob } from './executeJob.ts'

const sampler = { temperature: 0.8, topP: 1, seed32: Uint8Array.from({ length: 32 }, (_, i) => i + 3) }

test('the engine and the word by word execution give the same trace, and the engine shows what a working reads', async () => {
  const probe = await openProbe()
  const honest = runProbe(probe, { prompt: [5, 42, 79], steps: 5, sampler })
  const model = await loadModel(probe.bytes)
  const own = await executeJob(model, honest.job, honest.tokens, bytesSource(probe.bytes))
  assert.deepEqual(own.operators, honest.operators)
  for (let operator = 0; operator < bodyOperatorCount(model.parts.graph.layerCount) + 3; operator++) {
    const plan = planStep(honest.job, operator, 3, honest.tokens[3]!)
    assert.deepEqual(outputOf(await own.work(plan)), honest.outputs.get(`3 ${operator}`))
  }
})
