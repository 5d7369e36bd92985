import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesSource, loadModel } from '@weightless/tensor'
import { bodyOperatorCount } from '@weightless/tensor/model/describeGraph'
import { planStep } from '../referee/judge.ts'
import { openAdapted, openProbe, runProbe } from '../referee/probeJob.cases.ts'
import { outputOf } from '../working/evaluateWorking.ts'
import { executeJob } from './executeJob.ts'

const sampler = { temperature: 0.8, topP: 1, seed32: Uint8Array.from({ length: 32 }, (_, i) => i + 3) }

for (const [name, open] of [
  ['a model', openProbe],
  ['a model with an adapter', openAdapted],
] as const) {
  test(`the engine and the word by word execution give the same trace of ${name}, and the engine shows what a working reads`, async () => {
    const probe = await open()
    const honest = runProbe(probe, { prompt: [5, 42, 79], steps: 5, sampler })
    const adapter = probe.adapter
    const weights = probe.bytes.subarray(0, probe.bytes.length - (adapter?.length ?? 0))
    const model = await loadModel(weights, adapter && { adapter })
    const own = await executeJob(model, honest.job, honest.tokens, bytesSource(probe.bytes))
    assert.deepEqual(own.operators, honest.operators)
    for (let operator = 0; operator < bodyOperatorCount(model.parts.graph.layerCount) + 3; operator++) {
      const plan = planStep(honest.job, operator, 3, honest.tokens[3]!)
      assert.deepEqual(outputOf(await own.work(plan)), honest.outputs.get(`3 ${operator}`))
    }
  })
}
