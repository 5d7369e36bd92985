/** A provider in front of somebody else's server, which may be slow, false, broken or gone: the user gets bytes and a true bill. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { after, before, beforeEach, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Hex } from '@weightless/codec'
import { openUpstreamEngine, type Provider } from '@weightless/compute'
import {
  encodeTerms,
  ephemeralTokenId,
  type SigningPlace,
  serviceNames,
  signAuthorization,
  signSdkToken,
} from '@weightless/compute/wire'
import { abis, genesis } from '@weightless/contracts'
import {
  type BodyOpening,
  type Bundle,
  bodyRequestHash,
  inputHash,
  isBodyBundle,
  priceId,
  readBundle,
  verifyBundle,
} from '@weightless/receipt'
import { type ComputeNet, contracts, startComputeNet, tinyModel, tokens } from './computeNet.ts'
import {
  beginStream,
  completion,
  delta,
  done,
  event,
  type MockUpstream,
  sendJson,
  startMockUpstream,
  usage,
  usageChunk,
} from './mockUpstream.ts'

const prices = { inputWeiPerToken: 1_000n, outputWeiPerToken: 2_000n }
const chat = { model: 'mock', messages: [{ role: 'user', content: 'Say something, please.' }], max_tokens: 50 }
const sha = (bytes: string | Uint8Array) => createHash('sha256').update(bytes).digest('hex')

let net: ComputeNet
let upstream: MockUpstream
let provider: Provider
let bearer: string

describe('a provider in front of an upstream', () => {
  before(async () => {
    net = await startComputeNet()
    upstream = await startMockUpstream()
    provider = await openProvider({}, 1)
    await net.deposit(4, tokens(20))
    bearer = await fund(provider)
  })

  beforeEach(() => {
    upstream.asked.length = 0
  })

  after(async () => {
    await net.close()
    await upstream.close()
  })

  async function openProvider(limits: object, accountIndex: number, counted = true): Promise<Provider> {
    const opened = await net.startProvider({
      ...prices,
      accountIndex,
      folder: `upstream-${accountIndex}`,
      region: 'here',
      limits: { settleAgeMsMax: 50, silenceMsMax: 300, stallMsMax: 2_000, ...limits },
      openEngine: () =>
        openUpstreamEngine({
          env: net.env,
          url: `${upstream.url}/v1/`,
          apiKey: 'secret',
          name: 'mock',
          services: serviceNames,
          limits: { firstByteMsMax: 1_000, probeMs: 50 },
          ...(counted ? { tokenizer: new Uint8Array(readFileSync(tinyModel)) } : {}),
        }),
    })
    await opened.ready
    return opened
  }

  async function fund({ address }: Provider): Promise<string> {
    const at = { address: contracts.ledgerManager, abi: abis.ledgerManager } as const
    const ledger = net.ledgerOf(4)
    const { fullName } = await ledger.read({
      ...at,
      functionName: 'getServiceInfo',
      args: [contracts.inferenceServing],
    })
    await ledger.submit({ ...at, functionName: 'transferFund', args: [address, fullName, tokens(1)] })
    const timestamp = Date.now()
    const user = net.accountOf(4).address.toLowerCase() as Hex
    const token = { address: user, provider: address, timestamp, expiresAt: timestamp + 600_000, nonce: '1' }
    return signSdkToken({ ...token, generation: 0, tokenId: ephemeralTokenId }, net.accountOf(4))
  }

  const ask = (
    body: object | string,
    options: { path?: string; headers?: object; signal?: AbortSignal; at?: Provider; as?: string } = {},
  ) =>
    fetch(`${(options.at ?? provider).url}${options.path ?? '/v1/chat/completions'}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${options.as ?? bearer}`,
        'content-type': 'application/json',
        ...options.headers,
      },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...(options.signal ? { signal: options.signal } : {}),
    })

  async function bundleOf(id: string, options: { at?: Provider; as?: string } = {}): Promise<Bundle<BodyOpening>> {
    const url = `${(options.at ?? provider).url}/v1/receipts/${id}`
    const headers = { authorization: `Bearer ${options.as ?? bearer}` }
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = await fetch(url, { headers })
      if (answer.status === 200) {
        const read = readBundle(await answer.json())
        assert.ok(read.ok && isBodyBundle(read.value))
        return read.value
      }
      await answer.text()
      await sleep(20)
    }
    throw new Error(`no receipt of ${id}`)
  }

  async function hasReceipt(id: string): Promise<boolean> {
    await sleep(100)
    const headers = { authorization: `Bearer ${bearer}` }
    const answer = await fetch(`${provider.url}/v1/receipts/${id}`, { headers })
    await answer.text()
    return answer.status === 200
  }

  async function codeOf(answer: Response): Promise<string> {
    const { error } = (await answer.json()) as { error?: { code: string } }
    return `${answer.status} ${error?.code ?? 'ok'}`
  }

  const idOf = (answer: Response) => answer.headers.get('x-weightless-receipt')!

  // ---- what goes through ----

  test('a whole answer: bytes untouched, usage believed, the receipt about exactly these bytes', async () => {
    const text = JSON.stringify({ ...completion('A word or two.', usage(12, 6)), extension: 'kept' }, null, 1)
    upstream.behave((_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end(text))
    const body = JSON.stringify({
      ...chat,
      tools: [{ type: 'function', function: { name: 'f' } }],
      logit_bias: { 5: 1 },
      seed: 7,
    })
    const answer = await ask(body, { path: '/v1/proxy/chat/completions' })
    assert.equal(answer.status, 200)
    assert.equal(await answer.text(), text)
    assert.equal(upstream.asked[0]!.body.toString(), body)
    assert.equal(upstream.asked[0]!.headers.authorization, 'Bearer secret')
    assert.match(answer.headers.get('x-ratelimit-remaining-requests')!, /^\d+$/)
    const bundle = await bundleOf(idOf(answer))
    const { receipt, opening } = bundle
    assert.deepEqual(
      [receipt.promptTokens, receipt.completionTokens, receipt.fee, receipt.serviceClass, receipt.check],
      [12n, 6n, 24_000n, 2, 0],
    )
    assert.deepEqual(
      [opening.path, opening.requestSha256, opening.responseSha256, opening.finishReason],
      ['/v1/chat/completions', `0x${sha(body)}`, `0x${sha(text)}`, 'stop'],
    )
    const verdict = await verifyBundle(bundle, { loadWeights: async () => undefined })
    assert.ok(verdict.accepted && !verdict.reExecuted)
    const signed = await (await fetch(`${provider.url}/v1/signature/${idOf(answer)}`)).json()
    assert.equal((signed as { text: string }).text, `${sha(body)}:${sha(text)}`)
  })

  test('a stream: event by event, usage asked for and kept to ourselves', async () => {
    const parts = [': hello\n\n', delta(''), delta('one '), delta('two'), delta('', 'stop')]
    const gate = Promise.withResolvers<void>()
    upstream.behave(async (_, response) => {
      beginStream(response)
      response.write(parts.slice(0, 3).join(''))
      await gate.promise
      response.end(parts.slice(3).join('') + usageChunk(11, 3) + done)
    })
    const answer = await ask({ ...chat, stream: true })
    const reader = answer.body!.getReader()
    let text = ''
    const decoder = new TextDecoder()
    while (!text.includes('one ')) text += decoder.decode((await reader.read()).value, { stream: true })
    // The upstream still waits for us to let it go on: nothing was held back.
    gate.resolve()
    for (let step = await reader.read(); !step.done; step = await reader.read())
      text += decoder.decode(step.value, { stream: true })
    assert.equal(text, parts.join('') + done)
    assert.deepEqual(upstream.asked[0]!.json.stream_options, { include_usage: true })
    const { receipt, opening } = await bundleOf(idOf(answer))
    assert.deepEqual([receipt.promptTokens, receipt.completionTokens], [11n, 3n])
    assert.equal(opening.responseSha256, `0x${sha(text)}`)
  })

  test('a client that asks for the usage of its stream gets it', async () => {
    const stream = delta('x', 'stop') + usageChunk(9, 1) + done
    upstream.behave((_, response) => {
      beginStream(response)
      response.end(stream)
    })
    const body = JSON.stringify({ ...chat, stream: true, stream_options: { include_usage: true } })
    assert.equal(await (await ask(body)).text(), stream)
    assert.equal(upstream.asked[0]!.body.toString(), body)
  })

  test('completions, embeddings, responses, images and audio', async () => {
    upstream.behave(({ path }, response) => {
      if (path === '/v1/completions')
        return sendJson(response, { choices: [{ text: 'abc', finish_reason: 'stop' }], usage: usage(4, 2) })
      if (path === '/v1/embeddings')
        return sendJson(response, { data: [{ embedding: [1] }], usage: { prompt_tokens: 3, total_tokens: 3 } })
      if (path === '/v1/images/generations') return sendJson(response, { data: [{ b64_json: 'a' }, { b64_json: 'b' }] })
      if (path === '/v1/audio/transcriptions') return sendJson(response, { text: 'spoken', duration: 1.2 })
      if (path === '/v1/audio/speech')
        return void response.writeHead(200, { 'content-type': 'audio/mpeg' }).end(Buffer.alloc(3_000_000, 7))
      beginStream(response)
      const used = { input_tokens: 8, output_tokens: 2 }
      response.end(
        event({ type: 'response.created', response: {} }) +
          event({ type: 'response.output_text.delta', delta: 'well then' }) +
          event({ type: 'response.completed', response: { output: [], usage: used } }),
      )
    })
    const units = async (answer: Response) => {
      assert.equal(answer.status, 200, answer.url)
      await answer.arrayBuffer()
      const { receipt } = await bundleOf(idOf(answer))
      return [receipt.promptTokens, receipt.completionTokens]
    }
    const { model } = chat
    assert.deepEqual(await units(await ask({ model, prompt: 'once' }, { path: '/v1/completions' })), [4n, 2n])
    assert.equal(upstream.asked.at(-1)!.json.max_tokens, 1_024)
    assert.deepEqual(await units(await ask({ model, input: 'a text' }, { path: '/v1/embeddings' })), [3n, 0n])
    assert.deepEqual(await units(await ask({ model, input: 'hi', stream: true }, { path: '/v1/responses' })), [8n, 2n])
    assert.deepEqual(await units(await ask({ model, prompt: 'a cat', n: 3 }, { path: '/v1/images/generations' })), [
      0n,
      2n,
    ])
    assert.deepEqual(
      await units(await ask({ model, input: 'x'.repeat(31), voice: 'a' }, { path: '/v1/audio/speech' })),
      [3n, 0n],
    )
    const form = new FormData()
    form.set('model', 'mock')
    form.set('file', new Blob([wav(5)]), 'a.wav')
    const spoken = await fetch(`${provider.url}/v1/audio/transcriptions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}` },
      body: form,
    })
    assert.deepEqual(await units(spoken), [2n, 0n])
  })

  test('the user’s own word: an authorisation over the bytes, and a bill below it', async () => {
    upstream.behave((_, response) => sendJson(response, completion('yes', usage(10, 1))))
    const user = net.accountOf(4).address.toLowerCase() as Hex
    const salt: Hex = `0x${'5a'.repeat(32)}`
    const { data } = (await (await fetch(`${provider.url}/v1/models`)).json()) as {
      data: { pricing: { updated_at: string } }[]
    }
    const price = { model: 'mock', ...prices, updatedAt: BigInt(data[0]!.pricing.updated_at) }
    const body = JSON.stringify(chat)
    const place: SigningPlace = {
      chainId: BigInt(genesis.chainId),
      settlement: contracts.receiptSettlement.toLowerCase() as Hex,
    }
    const terms = async (changes: object) => {
      const authorization = {
        user,
        provider: provider.address,
        jobNonce: 1_000n,
        requestHash: inputHash(bodyRequestHash('/v1/chat/completions', `0x${sha(body)}`), salt),
        priceId: priceId(provider.address, price),
        maxFee: 1_000n * BigInt(body.length) + 2_000n * 50n,
        deadline: BigInt(Math.floor(Date.now() / 1000) + 600),
        ...changes,
      }
      const signature = await signAuthorization(authorization, place, net.accountOf(4))
      return { 'x-weightless-authorization': encodeTerms({ authorization, signature, salt, nonce: salt }) }
    }
    assert.equal(await codeOf(await ask(body, { headers: await terms({ maxFee: 10n }) })), '401 invalid_authorization')
    assert.equal(await codeOf(await ask(`${body} `, { headers: await terms({}) })), '401 invalid_authorization')
    const answer = await ask(body, { headers: await terms({}) })
    assert.equal(answer.status, 200, await answer.text())
    assert.equal((await bundleOf(idOf(answer))).receipt.jobNonce, 1_000n)
  })

  // ---- what the upstream does wrong ----

  test('usage that cannot be is not billed, with and without a tokenizer', async () => {
    upstream.behave((_, response) => sendJson(response, completion('Four words of text.', usage(1_000_000, 1_000_000))))
    const answer = await ask(chat)
    await answer.text()
    const { receipt } = await bundleOf(idOf(answer))
    assert.ok(receipt.completionTokens <= 19n && receipt.completionTokens > 0n, String(receipt.completionTokens))
    assert.ok(receipt.promptTokens <= 40n, String(receipt.promptTokens))
    const plain = await openProvider({}, 3, false)
    const as = await fund(plain)
    const other = await ask(chat, { at: plain, as })
    await other.text()
    const bounded = (await bundleOf(idOf(other), { at: plain, as })).receipt
    assert.deepEqual([bounded.promptTokens, bounded.completionTokens], [7n, 5n])
    // No usage at all: our own count.
    upstream.behave((_, response) => sendJson(response, completion('Four words of text.')))
    const silent = await ask(chat, { at: plain, as })
    await silent.text()
    assert.equal((await bundleOf(idOf(silent), { at: plain, as })).receipt.completionTokens, 5n)
    await plain.drain()
  })

  test('before the first byte every failure is an HTTP error, and costs nothing', async () => {
    const stream = { ...chat, stream: true }
    const cases: [string, object, Parameters<MockUpstream['behave']>[0]][] = [
      ['502 provider_error', chat, (_, response) => sendJson(response, { error: 'x' }, 500)],
      [
        '502 provider_error',
        chat,
        (_, response) => void response.writeHead(200, { 'content-type': 'text/html' }).end('<p>'),
      ],
      [
        '502 provider_error',
        chat,
        (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).end('{"choi'),
      ],
      ['502 provider_error', chat, (_, response) => void response.socket!.destroy()],
      ['502 provider_error', chat, (_, response) => sendJson(response, { error: { message: 'no key' } }, 401)],
      ['502 provider_error', stream, (_, response) => sendJson(response, completion('x'))],
      ['502 provider_error', stream, (_, response) => endStream(response, '')],
      ['502 provider_error', stream, (_, response) => endStream(response, 'data: garbage\n\n')],
      ['502 provider_error', stream, (_, response) => endStream(response, event({ error: { message: 'x' } }))],
      [
        '502 provider_error',
        stream,
        (_, response) => {
          beginStream(response)
          response.write('data: {"a":')
        },
      ],
      [
        '502 provider_error',
        chat,
        (_, response) => void response.writeHead(200, { 'content-type': 'application/json' }).write('{'),
      ],
      ['429 queue_full', chat, (_, response) => sendJson(response, {}, 429)],
    ]
    const unsettled = await outstanding()
    for (const [expected, body, behaviour] of cases) {
      upstream.behave(behaviour)
      assert.equal(await codeOf(await ask(body)), expected, behaviour.toString())
      upstream.behave((_, response) => sendJson(response, completion('fine', usage(5, 1))))
      upstream.setAway(false)
      for (let attempt = 0; attempt < 40; attempt++) {
        const again = await ask({ ...chat, max_tokens: 1 })
        await again.text()
        if (again.status === 200) break
        await sleep(30)
      }
    }
    assert.ok((await outstanding()) - unsettled <= BigInt(cases.length) * 7_000n)
  })

  async function outstanding(): Promise<bigint> {
    const headers = { authorization: `Bearer ${bearer}` }
    const user = net.accountOf(4).address
    const answer = await fetch(`${provider.url}/v1/user/${user}/unsettledfee`, { headers })
    return BigInt(((await answer.json()) as { unsettledFee: string }).unsettledFee)
  }

  test('the user’s own fault comes back as the upstream says it, and costs nothing', async () => {
    const said = { error: { message: 'temperature must be below 2', type: 'BadRequestError', code: 400 } }
    upstream.behave((_, response) => sendJson(response, said, 400))
    const answer = await ask({ ...chat, temperature: 9 })
    assert.deepEqual([answer.status, await answer.json()], [400, said])
    assert.equal(idOf(answer), null)
  })

  test('a stream that breaks off ends in an error event; what was emitted is billed, as failed', async () => {
    const cuts: ((response: ServerResponse) => void)[] = [
      (response) => response.socket!.destroy(),
      (response) => response.end(),
      (response) => response.end('data: {broken\n\n'),
      // Nothing more, for longer than it may be silent.
      () => undefined,
      (response) => void response.write(`data: ${'x'.repeat(5 * 1024 * 1024)}`),
    ]
    for (const cut of cuts) {
      upstream.behave((_, response) => {
        beginStream(response)
        response.write(delta('Some words came before it.'))
        setTimeout(() => cut(response), 30)
      })
      const answer = await ask({ ...chat, stream: true })
      const text = await answer.text()
      assert.match(text, /"code":"provider_error"/, cut.toString())
      const { receipt, opening } = await bundleOf(idOf(answer))
      assert.equal(opening.finishReason, 'upstream_failed')
      assert.equal(opening.responseSha256, `0x${sha(text)}`)
      assert.ok(receipt.completionTokens > 0n && receipt.completionTokens <= 26n)
    }
  })

  test('a client that leaves stops the upstream at once and pays what was on its way', async () => {
    const closed = Promise.withResolvers<void>()
    upstream.behave((_, response) => {
      beginStream(response)
      response.write(delta('The first words.'))
      const timer = setInterval(() => response.write(': ping\n\n'), 20)
      response.on('close', () => {
        clearInterval(timer)
        closed.resolve()
      })
    })
    const leaving = new AbortController()
    const answer = await ask({ ...chat, stream: true }, { signal: leaving.signal })
    await answer.body!.getReader().read()
    leaving.abort()
    await closed.promise
    const { receipt, opening } = await bundleOf(idOf(answer))
    assert.equal(opening.finishReason, 'cancelled')
    assert.ok(receipt.completionTokens > 0n && receipt.completionTokens <= 16n)
    // One that leaves before anything was emitted pays nothing.
    const second = Promise.withResolvers<void>()
    upstream.behave((_, response) => {
      response.on('close', second.resolve)
      leave.abort()
    })
    const leave = new AbortController()
    await assert.rejects(ask(chat, { signal: leave.signal }))
    await second.promise
  })

  test('an upstream that is away: 503 with a time, and back when it is back', async () => {
    upstream.setAway(true)
    assert.equal(await codeOf(await ask(chat)), '502 provider_error')
    assert.equal(await codeOf(await ask(chat)), '502 provider_error')
    const refused = await ask(chat)
    assert.equal(refused.headers.get('retry-after'), '1')
    assert.equal(await codeOf(refused), '503 model_not_ready')
    upstream.setAway(false)
    upstream.behave((_, response) => sendJson(response, completion('back', usage(5, 1))))
    let status = 0
    for (let attempt = 0; attempt < 100 && status !== 200; attempt++) {
      const answer = await ask(chat)
      await answer.text()
      status = answer.status
      await sleep(20)
    }
    assert.equal(status, 200)
  })

  // ---- what the user does wrong ----

  test('what would cost more than is paid for, or reach into the provider’s network, never gets there', async () => {
    const cases: [string, object, string?][] = [
      ['404 model_not_found', { ...chat, model: 'other' }],
      ['400 invalid_value', { ...chat, n: 17 }],
      ['400 invalid_value', { ...chat, max_tokens: -1 }],
      ['400 invalid_value', { ...chat, stream: 'yes' }],
      ['400 unsupported_parameter', { ...chat, n_predict: 100_000 }],
      ['400 unsupported_parameter', { ...chat, best_of: 9 }],
      ['400 unsupported_parameter', { model: 'mock', input: 'x', previous_response_id: 'resp_1' }, '/v1/responses'],
      ['400 unsupported_parameter', { model: 'mock', input: 'x', background: true }, '/v1/responses'],
      [
        '400 unsupported_content',
        {
          ...chat,
          messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://169.254.169.254/' } }] }],
        },
      ],
      [
        '400 unsupported_content',
        {
          model: 'mock',
          input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'file:///etc/passwd' }] }],
        },
        '/v1/responses',
      ],
      ['400 invalid_request', { ...chat, metadata: nested(100) }],
    ]
    for (const [expected, body, path] of cases) {
      assert.equal(await codeOf(await ask(body, path ? { path } : {})), expected, JSON.stringify(body).slice(0, 100))
    }
    assert.equal(await codeOf(await ask('{')), '400 invalid_json')
    assert.equal(await codeOf(await ask('[]')), '400 invalid_json')
    assert.equal(await codeOf(await ask(chat, { as: 'app-sk-no' })), '401 invalid_api_key')
    assert.equal(await codeOf(await ask({ ...chat, max_tokens: 2_000_000_000, n: 16 })), '200 ok')
    assert.equal(upstream.asked.length, 1)
  })

  test('many at once, each within its hold; a user beyond her share is told when to come back', async () => {
    const few = await openProvider({ requestsPerMinute: 5, concurrentMax: 2, perUserMax: 8 }, 2)
    const as = await fund(few)
    let running = 0
    let most = 0
    upstream.behave(async (_, response) => {
      most = Math.max(most, ++running)
      await sleep(30)
      running--
      sendJson(response, completion('x', usage(5, 1)))
    })
    const answers = await Promise.all(Array.from({ length: 8 }, () => ask(chat, { at: few, as })))
    const codes = await Promise.all(answers.map(codeOf))
    assert.equal(codes.filter((code) => code === '200 ok').length, 5)
    assert.equal(codes.filter((code) => code === '429 too_many_requests').length, 3)
    assert.equal(most, 2)
    const refused = answers.find(({ status }) => status === 429)!
    assert.ok(Number(refused.headers.get('retry-after')) >= 1)
    assert.equal(refused.headers.get('x-ratelimit-limit-requests'), '5')
  })

  test('draining takes no new jobs, finishes the streams and settles', async () => {
    const old = await openProvider({ settleAgeMsMax: 600_000 }, 5)
    const as = await fund(old)
    const gate = Promise.withResolvers<void>()
    upstream.behave(async (_, response) => {
      beginStream(response)
      response.write(delta('before '))
      await gate.promise
      response.end(delta('after', 'stop') + done)
    })
    const answer = await ask({ ...chat, stream: true }, { at: old, as })
    const drained = old.drain()
    await sleep(60)
    assert.equal(await codeOf(await ask(chat, { at: old, as })), '503 provider_draining')
    gate.resolve()
    assert.match(await answer.text(), /after.*\[DONE\]/s)
    await drained
    const headers = { authorization: `Bearer ${as}` }
    const unsettled = await fetch(`${old.url}/v1/user/${net.accountOf(4).address}/unsettledfee`, { headers })
    assert.deepEqual(await unsettled.json(), {
      unsettledFee: (await bundleOf(idOf(answer), { at: old, as })).receipt.fee.toString(),
    })
  })

  test('a drain cuts at its deadline what does not end, and bills what was sent', async () => {
    const old = await openProvider({ settleAgeMsMax: 600_000 }, 6)
    const as = await fund(old)
    const gate = Promise.withResolvers<void>()
    upstream.behave(async (_, response) => {
      beginStream(response)
      response.write(delta('before '))
      await gate.promise
      response.end()
    })
    const answer = await ask({ ...chat, stream: true }, { at: old, as })
    const reading = answer.text().catch((fault: unknown) => fault)
    const { cutJobs, unsettledWei } = await old.drain({ deadlineMs: 100 })
    gate.resolve()
    assert.equal(cutJobs, 1)
    assert.ok(unsettledWei > 0n, 'one that left is billed what it got')
    // By then the client has the error, or no end at all.
    const read = await reading
    assert.ok(read instanceof Error || (String(read).includes('"error"') && !String(read).includes('[DONE]')))
  })

  test('the registry says what it is: not re-executable, no roots, its services', async () => {
    const at = { address: contracts.inferenceServing, abi: abis.inferenceServing } as const
    const service = await net.ledgerOf(4).read({ ...at, functionName: 'getService', args: [provider.address] })
    assert.equal(service.verifiability, '')
    const { encryptionKey, ...said } = JSON.parse(service.additionalInfo).weightless as Record<string, unknown>
    assert.match(String(encryptionKey), /^0x[0-9a-f]{64}$/)
    assert.deepEqual(said, {
      contextLength: 4_096,
      services: [...serviceNames],
      region: 'here',
      engine: 'upstream',
    })
    assert.equal(await hasReceipt('job-unknown'), false)
  })
})

function endStream(response: ServerResponse, text: string): void {
  beginStream(response)
  response.end(text)
}

function nested(depth: number): object {
  return depth === 0 ? {} : { a: nested(depth - 1) }
}

/** Silence of so many seconds: 8,000 samples a second, 16 bits. */
function wav(seconds: number): Uint8Array<ArrayBuffer> {
  const bytes = Buffer.alloc(44 + seconds * 16_000)
  bytes.write('RIFF', 0)
  bytes.write('WAVEfmt ', 8)
  bytes.writeUInt32LE(16, 16)
  bytes.writeUInt16LE(1, 20)
  bytes.writeUInt16LE(1, 22)
  bytes.writeUInt32LE(8_000, 24)
  bytes.writeUInt32LE(16_000, 28)
  bytes.writeUInt16LE(2, 32)
  bytes.writeUInt16LE(16, 34)
  bytes.write('data', 36)
  bytes.writeUInt32LE(seconds * 16_000, 40)
  return new Uint8Array(bytes)
}
