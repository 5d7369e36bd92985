import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { loadModel } from '@weightless/tensor'
import { operatorName } from '@weightless/tensor/model/describeGraph'
import { sampleToken } from '@weightless/tensor/sampler/sampleToken'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { recordSteps } from '@weightless/tensor/trace/recordSteps'
import { digestBytes, wordBytes } from '../numbers/words.ts'
import { evaluateWorking, outputOf } from './evaluateWorking.ts'
import { planOperator } from './planOperator.ts'

const vectors = new URL('../../../../vectors/tensor/', import.meta.url)
const fileOf = (name: string) => new Uint8Array(readFileSync(new URL(`tiny-${name}.gguf`, vectors)))
const families = ['qwen2', 'qwen3', 'gemma2', 'gemma3'].map((name) => [name, fileOf(name)] as const)
const files = { 'the test model': makeProbeModel(), 'more types': fileOf('types'), ...Object.fromEntries(families) }

for (const [name, file] of Object.entries(files)) {
  test(`${name}: every operator written out word by word has the digest that the engine commits to`, async () => {
    const model = await loadModel(file)
    const { graph, arena, sampleWeights } = model.parts
    const seed32 = Uint8Array.from({ length: 32 }, (_, i) => i * 7 + 1)
    const tokens = Array.from({ length: 7 }, (_, i) => (i * 37 + 5) % graph.vocabSize)
    const draws = tokens.map((_, index) => ({ temperature: index % 3 === 0 ? 0 : 0.4 * index, topP: 1, seed32, index }))
    const recorder = recordSteps(graph.layerCount, true)
    const session = model.createSession(tokens.length)
    const body = 1 + 7 * graph.layerCount
    session.append(tokens, 0, recorder).forEach((logits, i) => {
      recorder.record(i, body + 2, sampleToken(arena, logits, sampleWeights, draws[i]!, i).record)
    })
    const trace = recorder.finish()
    const outputs = new Map<string, Uint32Array>()
    const read = (from: number, count: number) => file.subarray(from, from + count)
    for (let position = 0; position < tokens.length; position++) {
      for (let operator = 0; operator < body + 3; operator++) {
        const plan = planOperator(graph, operator, position, tokens[position]!, draws[position])
        const working = evaluateWorking(plan, (t, o) => outputs.get(`${t} ${o}`)!, read)
        const output = outputOf(working)
        outputs.set(`${position} ${operator}`, output)
        const digest = trace.operators![position]!.subarray(operator * 32, operator * 32 + 32)
        const place = `position ${position} ${operatorName(graph.layerCount, operator)}`
        assert.equal(bytesToHex(sha256(wordBytes(output))), bytesToHex(digest), place)
        assert.equal(bytesToHex(digestBytes(working.tables.at(-1)!.slice(-8))), bytesToHex(digest), `${place}: chain`)
      }
    }
    session.close()
  })
}
