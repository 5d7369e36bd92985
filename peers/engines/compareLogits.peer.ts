// The same GGUF and the same rendered conversations in llama.cpp and in the embedded engine: the prompts must be the same tokens,
// the next token's distributions close. Which token comes first is not compared: where two are near, the engines may differ.
import assert from 'node:assert/strict'
import { createHash, hash } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { setHasher } from '@weightless/crypto'
import { loadModel, type Model, positionsMax } from '@weightless/tensor'
import { addEngine } from '../../packages/node/src/llama/engineFolder.ts'
import { smolLm2 } from '../../packages/node/src/weights/modelSources.ts'
import { resolveWeights } from '../../packages/node/src/weights/resolveWeights.ts'

setHasher({ sha256: (bytes) => hash('sha256', bytes, 'buffer'), createSha256: () => createHash('sha256') })
const { path } = await resolveWeights(smolLm2)
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-logits-'))
const questions = [
  'What is the capital of France?',
  'Name three colours.',
  'Écris un poème sur la mer.',
  'def add(a, b):',
]
const systems = [undefined, 'You are a helpful assistant.', 'Answer in one word.']

try {
  const { folder } = await addEngine({ dataFolder, name: 'llama', gpu: 'none' })
  const library = await import(pathToFileURL(join(folder, 'node_modules/node-llama-cpp/dist/index.js')).href)
  const llama = await library.getLlama({
    gpu: false,
    build: 'never',
    skipDownload: true,
    maxThreads: 1,
    logLevel: 'error',
  })
  const theirs = await llama.loadModel({ modelPath: path })
  const context = await theirs.createContext({ contextSize: 512, threads: 1 })
  const sequence = context.getSequence()
  const ours = await loadModel(new Uint8Array(readFileSync(path)))
  let [worst, sum, sameFirst, count] = [0, 0, 0, 0]
  for (const content of questions) {
    for (const system of systems) {
      const head = system === undefined ? [] : [{ role: 'system', content: system }]
      const messages = [...head, { role: 'user', content }]
      const tokens = ours.promptTokens(messages)
      assert.deepEqual(theirs.tokenize(ours.renderChat(messages), true), tokens)
      await sequence.clearHistory()
      const last = [tokens.at(-1), { generateNext: { logits: true, token: true, options: { temperature: 0 } } }]
      const evaluated = await sequence.controlledEvaluate([...tokens.slice(0, -1), last])
      const row = new Float32Array(ours.info.vocabSize).fill(Number.NEGATIVE_INFINITY)
      for (const [token, logit] of evaluated.at(-1).next.logits as Map<number, number>) row[token] = logit
      const own = nextRow(ours, tokens)
      const divergence = divergenceOf(own, row)
      worst = Math.max(worst, divergence)
      sum += divergence
      sameFirst += Number(first(own) === first(row))
      count++
    }
  }
  assert.ok(sum / count < 0.05 && worst < 0.2, `mean divergence ${sum / count}, worst ${worst}`)
  console.log(
    `${count} prompts are the same tokens; divergence (KL, nats) of the next one: mean ${(sum / count).toFixed(4)}, worst ${worst.toFixed(4)}; the likeliest is the same in ${sameFirst}`,
  )
  await llama.dispose()
} finally {
  rmSync(dataFolder, { recursive: true, force: true })
}

function nextRow(model: Model, tokens: readonly number[]): Float32Array {
  const session = model.createSession(512)
  let row = new Float32Array()
  for (let at = 0; at < tokens.length; at += positionsMax) {
    const pass = tokens.slice(at, at + positionsMax)
    const isLast = at + pass.length === tokens.length
    const [made] = session.append(pass, isLast ? pass.length - 1 : pass.length)
    if (made) row = Float32Array.from(made)
  }
  session.close()
  return row
}

function first(row: Float32Array): number {
  return row.indexOf(row.reduce((a, b) => Math.max(a, b)))
}

function divergenceOf(a: Float32Array, b: Float32Array): number {
  const [p, q] = [logSoftmax(a), logSoftmax(b)]
  return p.reduce((sum, each, token) => sum + Math.exp(each) * (each - Math.max(q[token]!, -1e3)), 0)
}

function logSoftmax(row: Float32Array): Float64Array {
  const max = row.reduce((a, b) => Math.max(a, b))
  const total = Math.log(row.reduce((sum, each) => sum + Math.exp(each - max), 0))
  return Float64Array.from(row, (each) => each - max - total)
}
