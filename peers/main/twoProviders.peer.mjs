// Two providers of one model, two processes with two keys at two prices: each asked by the openai client and billed to the
// token; one is killed while idle, and the other answers; one is killed in mid-stream, and nobody goes on for it.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import OpenAI from 'openai'

const file = process.env.WEIGHTLESS_DEVNET
const read = () => JSON.parse(readFileSync(file, 'utf8'))
const { gatewayUrl, apiKey } = read().compute
const openai = new OpenAI({ baseURL: `${gatewayUrl}/v1`, apiKey, maxRetries: 0 })
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const messages = [{ role: 'user', content: 'Tell a long story about the sea.' }]

const [cheap, dear] = await untilListed()
const [model] = cheap.models
const prices = await Promise.all([cheap, dear].map(priceOf))
assert.ok(BigInt(prices[0].completion) < BigInt(prices[1].completion))
assert.notEqual(pidOf(cheap), pidOf(dear))
for (const [index, provider] of [cheap, dear].entries()) await askAndCheckBill(provider, prices[index])
await killIdle()
const words = await killInMidStream()
console.log(`${prices[0].completion} and ${prices[1].completion} wei a token billed exactly; a dead one was replaced`)
console.log(`killed in mid-stream after ${words} pieces: an error event, no other voice, no bill`)

/** Providers of the same model; the second may still be opening. */
async function untilListed() {
  for (let attempt = 0; attempt < 600; attempt++) {
    const { providers } = read().compute
    const twin = providers.slice(1).find(({ models }) => models[0] === providers[0].models[0])
    if (twin) return [providers[0], twin]
    await pause(200)
  }
  assert.fail('there is no second provider')
}

function pidOf({ address }) {
  const lock = join(dirname(file), 'processes', `provider-${address.toLowerCase()}`, 'lock')
  return Number(readFileSync(lock, 'utf8').split(' ')[0])
}

async function fromGateway(path) {
  return (await fetch(`${gatewayUrl}${path}`, { headers: { authorization: `Bearer ${apiKey}` } })).json()
}

/** As listed at the gateway, which looks at the chain every few seconds. */
async function priceOf({ address }) {
  for (let attempt = 0; attempt < 150; attempt++) {
    const { data } = await fromGateway('/v1/providers')
    const found = data.find(({ provider }) => provider === address.toLowerCase())
    if (found) return found.pricing
    await pause(200)
  }
  assert.fail(`${address} is not listed at the gateway`)
}

function ask({ address }, body, headers = { 'x-0g-provider-address': address }) {
  return openai.chat.completions.create({ model, messages, ...body }, { headers }).withResponse()
}

async function askAndCheckBill(provider, { prompt, completion }) {
  const { data, response } = await ask(provider, { max_tokens: 12 })
  assert.equal(response.headers.get('x-0g-provider-address'), provider.address.toLowerCase())
  const { receipt } = await fromGateway(`/v1/receipts/${response.headers.get('x-weightless-receipt')}`)
  const { prompt_tokens: read, completion_tokens: written } = data.usage
  assert.equal(BigInt(receipt.fee), BigInt(read) * BigInt(prompt) + BigInt(written) * BigInt(completion))
}

async function untilAnswers({ url }) {
  for (let attempt = 0; attempt < 600; attempt++) {
    if ((await fetch(`${url}/v1/models`).catch(() => undefined))?.ok) return
    await pause(200)
  }
  assert.fail(`${url} did not come back`)
}

async function killIdle() {
  process.kill(pidOf(cheap), 'SIGKILL')
  const { response } = await ask(cheap, { max_tokens: 8, provider: { order: [cheap.address] } }, {})
  assert.equal(response.headers.get('x-0g-provider-address'), dear.address.toLowerCase())
  await untilAnswers(cheap)
}

/** A short answer may be whole before the signal arrives. */
async function killInMidStream() {
  for (let attempt = 0; attempt < 10; attempt++) {
    const { data, response } = await ask(cheap, { max_tokens: 400, stream: true }, {})
    const address = response.headers.get('x-0g-provider-address')
    const provider = [cheap, dear].find((each) => each.address.toLowerCase() === address)
    const ids = new Set()
    let pieces = 0
    const fault = await (async () => {
      for await (const chunk of data) {
        ids.add(chunk.id)
        if (chunk.choices[0]?.delta?.content && ++pieces === 1) process.kill(pidOf(provider), 'SIGKILL')
      }
    })().catch((error) => error)
    await untilAnswers(provider)
    if (!fault) continue
    assert.match(String(fault.message), /broke off/)
    assert.equal(ids.size, 1)
    const { receipt } = await fromGateway(`/v1/receipts/${response.headers.get('x-weightless-receipt')}`)
    assert.equal(receipt, undefined, 'no receipt, no bill')
    return pieces
  }
  assert.fail('every answer was whole before its provider was dead')
}
