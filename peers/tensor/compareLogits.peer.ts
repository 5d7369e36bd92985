// The same GGUF and the same rendered conversations in llama.cpp and in the embedded engine: the prompts must be the same tokens,
// the next token's distributions close. Which token comes first is not compared: where two are near, the engines may differ.
import '@weightless/env/node'
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { loadModel } from '@weightless/tensor'
import { smolLm2 } from '../../packages/node/src/weights/modelSources.ts'
import { resolveWeights } from '../../packages/node/src/weights/resolveWeights.ts'
import { addLlama } from './addLlama.ts'
import { divergenceOf, firstOf } from './divergence.ts'
import { evaluateOurs, openLlamaRows } from './evaluateRows.ts'

const { path } = await resolveWeights(smolLm2)
const questions = [
  'What is the capital of France?',
  'Name three colours.',
  'Écris un poème sur la mer.',
  'def add(a, b):',
]
const systems = [undefined, 'You are a helpful assistant.', 'Answer in one word.']

const { llama, remove } = await addLlama()
try {
  const ours = await loadModel(new Uint8Array(readFileSync(path)))
  const theirs = await openLlamaRows(llama, path, { vocabSize: ours.info.vocabSize, positions: 512 })
  let [worst, sum, sameFirst, count] = [0, 0, 0, 0]
  for (const content of questions) {
    for (const system of systems) {
      const head = system === undefined ? [] : [{ role: 'system', content: system }]
      const messages = [...head, { role: 'user', content }]
      const tokens = ours.promptTokens(messages)
      assert.deepEqual(theirs.tokenize(ours.renderChat(messages)), tokens)
      const rows: Float32Array[] = []
      await theirs.evaluate(tokens, tokens.length - 1, (row) => rows.push(row))
      evaluateOurs(ours, tokens, tokens.length - 1, (row) => rows.push(row.slice()))
      assert.equal(rows.length, 2)
      const divergence = divergenceOf(rows[1]!, rows[0]!)
      worst = Math.max(worst, divergence)
      sum += divergence
      sameFirst += Number(firstOf(rows[0]!).token === firstOf(rows[1]!).token)
      count++
    }
  }
  assert.ok(sum / count < 0.05 && worst < 0.2, `mean divergence ${sum / count}, worst ${worst}`)
  console.log(
    `${count} prompts are the same tokens; divergence (KL, nats) of the next one: mean ${(sum / count).toFixed(4)}, worst ${worst.toFixed(4)}; the likeliest is the same in ${sameFirst}`,
  )
} finally {
  await remove()
}
