/** Chat through gateway and provider with the real tiny model: streamed and not, limits, refusals, receipts, lies. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { abis } from '@weightless/contracts'
import { readBundle, verifyBundle } from '@weightless/receipt'
import { type Cheat, openCheatingEngine } from '../../packages/compute/scripts/cheat.ts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'

const weights = new Uint8Array(readFileSync(tinyModel))
const otherWeights = new Uint8Array(readFileSync(new URL('../../vectors/tensor/tiny-untied.gguf', import.meta.url)))
const loadWeights = async () => weights
const messages = [{ role: 'user', content: 'Tell me about the sea.' }]

let net: ComputeNet
let gatewayUrl: string

describe('chat on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    const provider = await net.startProvider()
    await Promise.all([provider.ready, net.deposit(2, tokens(100))])
    const gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
    gatewayUrl = gateway.url
  })

  after(() => net.close())

  function ask(body: unknown, headers: Record<string, string> = {}, signal?: AbortSignal) {
    return fetch(`${gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json', ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(signal ? { signal } : {}),
    })
  }

  async function bundleOf(answer: Response) {
    const id = answer.headers.get('x-weightless-receipt')
    const response = await fetch(`${gatewayUrl}/v1/receipts/${id}`, {
      headers: { authorization: `Bearer ${gatewayKey}` },
    })
    assert.equal(response.status, 200)
    const read = readBundle(await response.json())
    assert.ok(read.ok, read.ok ? '' : read.detail)
    return { id, bundle: read.value }
  }

  const eventsOf = (text: string) =>
    text
      .split('\n\n')
      .filter((event) => event.startsWith('data: {'))
      .map((event) => JSON.parse(event.slice(6)))

  test('streamed and whole answers are the same, to the token of usage', async () => {
    const request = { model: 'tiny', messages, max_tokens: 12, seed: 7, temperature: 0.9 }
    const whole = await (await ask(request)).json()
    const stream = await ask({ ...request, stream: true, stream_options: { include_usage: true } })
    assert.match(stream.headers.get('content-type') ?? '', /event-stream/)
    const text = await stream.text()
    assert.ok(text.endsWith('data: [DONE]\n\n'))
    const events = eventsOf(text)
    const streamed = events.map((event) => event.choices[0]?.delta.content ?? '').join('')
    assert.equal(streamed, whole.choices[0].message.content)
    assert.deepEqual(events.at(-1).usage, whole.usage)
    assert.deepEqual(events.at(-1).choices, [])
    assert.equal(whole.usage.completion_tokens, 12)
    assert.equal(whole.choices[0].finish_reason, 'length')
    assert.equal(events.at(-2).choices[0].finish_reason, 'length')
    const other = await (await ask({ ...request, seed: 8 })).json()
    assert.notEqual(other.choices[0].message.content, whole.choices[0].message.content)
  })

  test('an answer carries a receipt that verifies by re-execution, and is paid on the chain', async () => {
    const answer = await ask({ model: 'tiny', messages, max_tokens: 10 })
    await answer.json()
    const { bundle } = await bundleOf(answer)
    const verdict = await verifyBundle(bundle, { loadWeights, expected: { settlement: contracts.receiptSettlement } })
    assert.deepEqual(verdict.accepted ? {} : verdict, {})
    const [paid] = await untilSettled(bundle.receipt.jobNonce)
    assert.ok(paid >= bundle.receipt.fee)
  })

  async function untilSettled(jobNonce: bigint): Promise<readonly [bigint, bigint, bigint]> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const [paid, owed, settledNonce] = await net.ledgerOf(2).read({
        address: contracts.receiptSettlement,
        abi: abis.receiptSettlement,
        functionName: 'pairs',
        args: [net.accountOf(2).address, net.accountOf(1).address],
      })
      if (BigInt(settledNonce) >= jobNonce) return [paid, owed, BigInt(settledNonce)]
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    throw new Error('not settled')
  }

  test('log-probabilities are sorted, below zero, and belong to the text', async () => {
    const answer = await ask({ model: 'tiny', messages, max_tokens: 6, logprobs: true, top_logprobs: 3 })
    const { choices } = await answer.json()
    const content = choices[0].logprobs.content as {
      bytes: number[]
      logprob: number
      top_logprobs: { logprob: number }[]
    }[]
    assert.equal(content.length, 6)
    const text = new TextDecoder().decode(Uint8Array.from(content.flatMap(({ bytes }) => bytes)))
    assert.equal(text, choices[0].message.content)
    for (const { logprob, top_logprobs } of content) {
      assert.ok(logprob <= 0 && top_logprobs.length === 3)
      assert.ok(top_logprobs.every((top, i) => i === 0 || top.logprob <= top_logprobs[i - 1]!.logprob))
    }
  })

  test('a stop text ends the answer and is not shown', async () => {
    const request = { model: 'tiny', messages, max_tokens: 24, seed: 7, temperature: 0.9 }
    const full: string = (await (await ask(request)).json()).choices[0].message.content
    const stop = full.slice(6, 9)
    const cut = (await (await ask({ ...request, stop: [stop] })).json()).choices[0]
    assert.equal(cut.finish_reason, 'stop')
    assert.equal(cut.message.content, full.slice(0, full.indexOf(stop)))
  })

  test('wrong requests get OpenAI-shaped refusals', async () => {
    const good = { model: 'tiny', messages, max_tokens: 4 }
    const cases: [unknown, number, string, string | null][] = [
      ['{', 400, 'invalid_request', null],
      [[], 400, 'invalid_request', null],
      [{ messages }, 400, 'invalid_value', 'model'],
      [{ ...good, messages: [] }, 400, 'invalid_value', 'messages'],
      [{ ...good, model: 'gpt-4' }, 404, 'model_not_found', 'model'],
      [{ ...good, n: 17 }, 400, 'invalid_value', 'n'],
      [{ ...good, tools: [{ type: 'function' }] }, 400, 'unsupported_parameter', 'tools'],
      [{ ...good, nonsense: 1 }, 400, 'unknown_parameter', 'nonsense'],
      [{ ...good, temperature: 3 }, 400, 'invalid_value', 'temperature'],
      [{ ...good, top_logprobs: 3 }, 400, 'invalid_value', 'top_logprobs'],
      [
        { ...good, messages: [{ role: 'user', content: 'x '.repeat(3_000) }] },
        400,
        'context_length_exceeded',
        'messages',
      ],
      [
        { ...good, messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
        400,
        'unsupported_content',
        'messages.0.content',
      ],
      ['x'.repeat(5 * 1024 * 1024), 413, 'request_too_large', null],
    ]
    for (const [body, status, code, param] of cases) {
      const answer = await ask(body)
      const { error } = await answer.json()
      assert.deepEqual([answer.status, error.code, error.param], [status, code, param], JSON.stringify(error))
      assert.equal(typeof error.message, 'string')
    }
    const wrongKey = await ask(good, { authorization: 'Bearer sk-wrong' })
    assert.deepEqual([wrongKey.status, (await wrongKey.json()).error.code], [401, 'invalid_api_key'])
    const elsewhere = await ask(good, { 'x-0g-provider-address': `0x${'09'.repeat(20)}` })
    assert.deepEqual([elsewhere.status, (await elsewhere.json()).error.code], [503, 'no_available_provider'])
    const secret = await ask(good, { 'x-0g-provider-trust-mode': 'private' })
    assert.deepEqual([secret.status, (await secret.json()).error.code], [503, 'no_available_provider'])
  })

  test('a client that leaves is billed what it was sent', async () => {
    const leaver = new AbortController()
    const answer = await ask({ model: 'tiny', messages, max_tokens: 1_500, stream: true }, {}, leaver.signal)
    const reader = answer.body!.getReader()
    const decoder = new TextDecoder()
    let text = ''
    while (eventsOf(text).length < 8) text += decoder.decode((await reader.read()).value, { stream: true })
    leaver.abort()
    const { bundle } = await bundleOf(answer)
    const { receipt, opening } = bundle
    assert.equal(opening.finishReason, 'cancelled')
    assert.ok(receipt.completionTokens >= 7n && receipt.completionTokens < 1_500n)
    const verdict = await verifyBundle(bundle, { loadWeights })
    assert.deepEqual(verdict.accepted ? {} : verdict, {})
    await untilSettled(receipt.jobNonce)
  })

  test('every cheat is caught, and named', async () => {
    const expected: Record<Exclude<Cheat, 'none'>, RegExp> = {
      'weight-ulp': /^operator .*ffn/,
      'other-model': /^(operator|usage)/,
      sampler: /^(operator sample|token)/,
      template: /^(usage|operator embed)/,
      'changed-answer': /^text/,
      'swapped-token': /^(token|trace)/,
      'inflated-prompt': /^usage/,
      'inflated-completion': /^(token|finish|trace)/,
    }
    const verdicts = await Promise.all(
      Object.keys(expected).map(
        async (cheat, index) => [cheat, await verdictOn(cheat as Cheat, [3, 4, 5, 6, 7, 8, 9, 0][index]!)] as const,
      ),
    )
    for (const [cheat, named] of verdicts)
      assert.match(named, expected[cheat as keyof typeof expected], `${cheat}: ${named}`)
  })

  async function verdictOn(cheat: Cheat, accountIndex: number): Promise<string> {
    const { env } = net
    const provider = await net.startProvider({
      accountIndex,
      folder: cheat,
      openEngine: () => openCheatingEngine({ env, name: cheat, weights, otherWeights, cheat }),
    })
    const answer = await ask({ model: await provider.ready, messages, max_tokens: 12, seed: 3 })
    assert.equal(answer.status, 200, await answer.clone().text())
    await answer.json()
    const { id, bundle } = await bundleOf(answer)
    const headers = { authorization: `Bearer ${gatewayKey}` }
    const loadOperators = async () => {
      const response = await fetch(`${gatewayUrl}/v1/receipts/${id}/operators`, { headers })
      return response.status === 200 ? new Uint8Array(await response.arrayBuffer()) : undefined
    }
    const verdict = await verifyBundle(bundle, { loadWeights, loadOperators })
    return verdict.accepted ? 'accepted' : `${verdict.fault} ${verdict.operator ?? ''}`
  }

  test('clients that vanish at any moment leave nothing behind', async () => {
    const body = JSON.stringify({ model: 'tiny', messages, max_tokens: 200, stream: true })
    for (const delayMs of [0, 1, 3, 10, 30, 60]) {
      for (const stream of [true, false]) {
        const leaver = new AbortController()
        const asking = ask({ ...JSON.parse(body), stream }, {}, leaver.signal).catch(() => undefined)
        setTimeout(() => leaver.abort(), delayMs)
        await asking
      }
    }
    // The engine is free again, or this would wait for ever.
    const answer = await ask({ model: 'tiny', messages, max_tokens: 3 })
    assert.equal(answer.status, 200)
    await answer.json()
  })
})
