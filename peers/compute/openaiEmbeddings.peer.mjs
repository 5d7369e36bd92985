// Embeddings by OpenAI's client of npm, unmodified, against the devnet's gateway (`weightless devnet --embeddings`); one
// answer is made again by `weightless verify`, from the bytes that the client sent.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import OpenAI from 'openai'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = process.env.MODEL ?? 'all-minilm-l6-v2'
let sent = ''
const client = new OpenAI({
  baseURL: `${compute.gatewayUrl}/v1`,
  apiKey: compute.apiKey,
  maxRetries: 0,
  fetch: (url, init) => {
    sent = init.body ?? sent
    return fetch(url, init)
  },
})

/** It opens after the model that chats. */
const isOpen = async () => (await client.models.list()).data.some(({ id }) => id === model)
for (let look = 0; look < 240 && !(await isOpen()); look++) await sleep(500)
assert.ok(await isOpen(), `${model} did not open`)

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0)
const input = ['A man is eating food.', 'A man is eating a piece of bread.', 'The girl is carrying a baby.']

// The client asks for base64 by itself, and decodes it.
const coded = await client.embeddings.create({ model, input })
const plain = await client.embeddings.create({ model, input, encoding_format: 'float' })
assert.deepEqual(
  coded.data.map(({ embedding }) => Array.from(embedding)),
  plain.data.map(({ embedding }) => embedding),
)
assert.equal(plain.object, 'list')
assert.equal(plain.usage.total_tokens, plain.usage.prompt_tokens)
const [food, bread, baby] = plain.data.map(({ embedding }) => embedding)
for (const vector of [food, bread, baby]) assert.ok(Math.abs(Math.sqrt(dot(vector, vector)) - 1) < 1e-5)
assert.ok(dot(food, bread) > dot(food, baby), 'what means the same is nearer')

const { data: one, response } = await client.embeddings
  .create({ model, input: input[0], dimensions: 16, encoding_format: 'float' })
  .withResponse()
assert.equal(one.data[0].embedding.length, 16)
assert.match(response.headers.get('x-weightless-receipt'), /^embd-/)
const outcome = await verify(response.headers.get('x-weightless-receipt'), sent)
assert.ok(outcome.accepted && outcome.reExecuted, JSON.stringify(outcome))
const altered = await verify(response.headers.get('x-weightless-receipt'), sent.replace('eating', 'Eating'))
assert.deepEqual([altered.accepted, altered.fault], [false, 'commitment'])

async function verify(id, request) {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-embeddings-'))
  try {
    const [bundleFile, requestFile] = [join(folder, 'bundle.json'), join(folder, 'request.json')]
    const headers = { authorization: `Bearer ${compute.apiKey}` }
    const bundle = await fetch(`${compute.gatewayUrl}/v1/receipts/${id}`, { headers })
    writeFileSync(bundleFile, await bundle.text())
    writeFileSync(requestFile, request)
    const cli = join(import.meta.dirname, '../../packages/cli/bin/weightless.mjs')
    const words = [cli, '--json', 'verify', bundleFile, '--request', requestFile]
    const { stdout } = await promisify(execFile)(process.execPath, words).catch((fault) => fault)
    return JSON.parse(stdout)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

await assert.rejects(client.embeddings.create({ model, input: 'word '.repeat(2_000) }), (error) => {
  return error instanceof OpenAI.BadRequestError && error.code === 'context_length_exceeded'
})
await assert.rejects(client.embeddings.create({ model, input: '' }), OpenAI.BadRequestError)
console.log(`${model}: food · bread ${dot(food, bread).toFixed(4)}, food · baby ${dot(food, baby).toFixed(4)}`)
