/** One model, two providers that are processes with keys and prices of their own: either may be killed at any time. */
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { createNodeEnv } from '@weightless/env/node'
import { createClient, readNetworkConfig } from '@weightless/sdk'
import type { DevnetEvent } from './devnetOptions.ts'
import type { Devnet } from './startDevnet.ts'
import { startTestDevnet } from './startTestDevnet.ts'

const tiny = join(import.meta.dirname, '../../../vectors/tensor/tiny-random.gguf')
const model = 'tiny-random'
const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-two-'))
const events: DevnetEvent[] = []
let devnet: Devnet

const addresses = () => devnet.file.compute.providers.map(({ address }) => address.toLowerCase())
const pidOf = (provider: string) =>
  Number(readFileSync(join(dataFolder, 'processes', `provider-${provider}`, 'lock'), 'utf8').split(' ')[0])
const kill = (provider: string) => process.kill(pidOf(provider), 'SIGKILL')
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** Asks the named one first; another may take its place. */
function ask(first: string, body: object): Promise<Response> {
  const { gatewayUrl, apiKey } = devnet.file.compute
  return fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model, provider: { order: [first] }, messages: [{ role: 'user', content: 'Go on.' }] },
      ...body,
    }),
  })
}

async function fromGateway<Answer>(path: string): Promise<Answer> {
  const { gatewayUrl, apiKey } = devnet.file.compute
  const answer = await fetch(`${gatewayUrl}${path}`, { headers: { authorization: `Bearer ${apiKey}` } })
  return (await answer.json()) as Answer
}

const spentWei = async () => BigInt((await fromGateway<{ spent_wei: string }>('/v1/account')).spent_wei)

/** What the key spent, once it is that much. */
async function spentFrom(leastWei: bigint): Promise<bigint> {
  for (let attempt = 0; attempt < 300 && (await spentWei()) < leastWei; attempt++) await pause(100)
  return spentWei()
}

const idOf = (answer: Response) => answer.headers.get('x-weightless-receipt')

/** Wei; 0 where there is no receipt. */
async function feeOf(answer: Response): Promise<bigint> {
  const { receipt } = await fromGateway<{ receipt?: { fee: string } }>(`/v1/receipts/${idOf(answer)}`)
  return BigInt(receipt?.fee ?? 0)
}

async function untilAnswers(provider: string): Promise<void> {
  const { url } = devnet.file.compute.providers.find(({ address }) => address.toLowerCase() === provider)!
  for (let attempt = 0; attempt < 600; attempt++) {
    if ((await fetch(`${url}/v1/models`).catch(() => undefined))?.ok) return
    await pause(100)
  }
  throw new Error('a killed provider did not come back within a minute')
}

/** Reads a stream, and kills whoever answers at the first piece of text. */
async function cutStream(first: string): Promise<{ answer: Response; provider: string; text: string }> {
  const answer = await ask(first, { stream: true, max_tokens: 400 })
  const provider = answer.headers.get('x-0g-provider-address') ?? ''
  const decoder = new TextDecoder()
  let text = ''
  let isKilled = false
  for await (const piece of answer.body!) {
    text += decoder.decode(piece, { stream: true })
    if (isKilled || !/"content":"[^"]/.test(text)) continue
    isKilled = true
    kill(provider)
  }
  assert.ok(isKilled)
  return { answer, provider, text }
}

describe('two providers of one model', () => {
  before(async () => {
    devnet = await startTestDevnet({
      ...{ dataFolder, modelPath: tiny, providers: 2, providerProcesses: true, fineTuning: false },
      onEvent: (event) => void events.push(event),
    })
  })
  after(async () => {
    await devnet.close()
    rmSync(dataFolder, { recursive: true, force: true })
  })

  test('they are two processes with two keys at two prices, the cheaper first', async () => {
    const [cheap, dear] = addresses()
    assert.equal(devnet.file.compute.providers.length, 2)
    assert.equal(new Set([pidOf(cheap!), pidOf(dear!), process.pid]).size, 3)
    type Listed = { data: { provider: string; pricing: { prompt: string; completion: string } }[] }
    const { data } = await fromGateway<Listed>(`/v1/providers?model_id=${model}`)
    const priceOf = (provider: string | undefined) => data.find((each) => each.provider === provider)?.pricing
    assert.deepEqual(
      [priceOf(cheap), priceOf(dear)].map((price) => [price?.prompt, price?.completion]),
      [
        ['1000000000', '2000000000'],
        ['1500000000', '3000000000'],
      ],
    )
    for (const provider of [cheap!, dear!]) {
      const answer = await ask(provider, { max_tokens: 4 })
      assert.equal(answer.headers.get('x-0g-provider-address'), provider)
      await answer.text()
    }
  })

  test('both are on the market, and whoever asks the chain finds them, the cheaper first', async () => {
    const env = createNodeEnv({ dataFolder, log: 'silent', workersMax: 1 })
    try {
      const config = readNetworkConfig(JSON.parse(JSON.stringify(devnet.file)))
      assert.ok(config.ok)
      const { market } = createClient({ config: config.value, env })
      const find = () => market.find({ model, serviceType: 'chatbot', checks: 2, redundancy: 2 })
      let found = await find()
      for (let attempt = 0; attempt < 200 && found.providers.length < 2; attempt++) {
        await pause(50)
        found = await find()
      }
      assert.deepEqual(
        found.providers.map((provider) => provider.toLowerCase()),
        addresses(),
      )
    } finally {
      await env.close()
    }
  })

  test('each tells the devnet’s operator how it goes, and nobody else; there is nothing to drain', async () => {
    const { providers, operatorToken } = devnet.file.compute
    for (const { address, url } of providers) {
      const headers = { authorization: `Bearer ${operatorToken}` }
      const status = (await (await fetch(`${url}/v1/status`, { headers })).json()) as {
        provider: string
        state: string
      }
      assert.deepEqual([status.provider, status.state], [address.toLowerCase(), 'serving'])
      assert.equal((await fetch(`${url}/v1/status`)).status, 401)
      // A supervised process would be started again.
      assert.ok((await fetch(`${url}/v1/drain`, { method: 'POST', headers })).status >= 400)
    }
  })

  test('one that is killed while idle: the other answers, and the dead one comes back', async () => {
    const [cheap, dear] = addresses() as [string, string]
    const before = pidOf(cheap)
    kill(cheap)
    for (let count = 0; count < 3; count++) {
      const answer = await ask(cheap, { max_tokens: 4 })
      assert.equal(answer.status, 200, await answer.text())
      assert.equal(answer.headers.get('x-0g-provider-address'), dear)
    }
    await untilAnswers(cheap)
    assert.notEqual(pidOf(cheap), before)
    assert.ok(events.some((event) => event.type === 'warning' && event.message.toLowerCase().includes(cheap)))
  })

  test('one that is killed in mid-stream: an error, no other voice, and no bill beyond what was delivered', async () => {
    const [cheap] = addresses() as [string, string]
    const settled = await ask(cheap, { max_tokens: 4 })
    await settled.text()
    assert.ok((await feeOf(settled)) > 0n)
    let expected = await spentWei()
    let cut = ''
    // A short answer may be whole before the signal arrives.
    for (let attempt = 0; attempt < 10 && cut === ''; attempt++) {
      const { answer, provider, text } = await cutStream(cheap)
      await untilAnswers(provider)
      expected += await feeOf(answer)
      if (!text.includes('"error"')) continue
      assert.equal(await feeOf(answer), 0n, 'no receipt, no bill')
      cut = text
    }
    assert.match(cut, /data: \{"error":\{[^\n]*"provider_error"[^\n]*\n\n$/)
    assert.ok(!cut.includes('[DONE]') && !cut.includes('"finish_reason":"'), 'nobody may go on')
    const ids = new Set([...cut.matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id))
    assert.equal(ids.size, 1)
    // The whole one after it is billed exactly, and nothing beside it.
    const next = await ask(cheap, { max_tokens: 5 })
    await next.text()
    expected += await feeOf(next)
    assert.equal(await spentFrom(expected), expected)
  })
})
