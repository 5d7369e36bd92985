/** The router in front of upstreams: every service, whole and streamed, paid by the bytes; broken streams say so. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Gateway, openUpstreamEngine, type Provider } from '@weightless/compute'
import { serviceNames } from '@weightless/compute/wire'
import { readBundle } from '@weightless/receipt'
import { type ComputeNet, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import {
  beginStream,
  completion,
  delta,
  done,
  type MockUpstream,
  sendJson,
  startMockUpstream,
  usage,
} from './mockUpstream.ts'

const messages = [{ role: 'user', content: 'Say something, please.' }]

let net: ComputeNet
let upstream: MockUpstream
let provider: Provider
let gateway: Gateway

describe('the router in front of an upstream', () => {
  before(async () => {
    net = await startComputeNet()
    upstream = await startMockUpstream()
    const openEngine = () =>
      openUpstreamEngine({
        env: net.env,
        url: upstream.url,
        name: 'tiny',
        upstreamModel: 'mock',
        services: serviceNames,
      })
    provider = await net.startProvider({ folder: 'upstream', openEngine })
    const exact = await net.startProvider({ folder: 'exact', accountIndex: 3 })
    await Promise.all([provider.ready, exact.ready, net.deposit(2, tokens(100))])
    gateway = await net.startGateway({ folder: 'router', limits: { directoryAgeMsMax: 0 } })
  })

  after(async () => {
    await net.close()
    await upstream.close()
  })

  const post = (path: string, body: unknown) =>
    fetch(`${gateway.url}${path}`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gatewayKey}`,
        ...(body instanceof FormData ? {} : { 'content-type': 'application/json' }),
      },
      body: body instanceof FormData ? body : JSON.stringify(body),
    })

  async function bundleOf(answer: Response) {
    const id = answer.headers.get('x-weightless-receipt')
    const response = await fetch(`${gateway.url}/v1/receipts/${id}`, {
      headers: { authorization: `Bearer ${gatewayKey}` },
    })
    const read = readBundle(await response.json())
    assert.ok(read.ok, read.ok ? '' : read.detail)
    return read.value
  }

  test('what only an upstream can serve goes there, and is paid by its bytes', async () => {
    // No mask of the exact engine holds an answer to a back reference.
    const schema = { type: 'object', properties: { a: { type: 'string', pattern: '(a)\\1' } } }
    const tools = [{ type: 'function', function: { name: 'f', parameters: schema } }]
    const format = { type: 'json_schema', json_schema: { name: 'answer', schema } }
    upstream.behave((_, response) => sendJson(response, completion('called', usage(20, 3))))
    for (const extra of [{ tools }, { response_format: format }, { reasoning_effort: 'low' }]) {
      const answer = await post('/v1/chat/completions', { model: 'tiny', messages, max_tokens: 9, ...extra })
      assert.equal(answer.headers.get('x-0g-provider-address'), provider.address.toLowerCase())
      assert.equal(
        ((await answer.json()) as { choices: { message: { content: string } }[] }).choices[0]?.message.content,
        'called',
      )
      const { receipt, opening } = await bundleOf(answer)
      assert.deepEqual([receipt.serviceClass, 'kind' in opening && opening.path], [2, '/v1/chat/completions'])
    }
  })

  test('embeddings, completions, pictures and sound', async () => {
    upstream.behave(({ path }, response) => {
      if (path === '/v1/embeddings') sendJson(response, { object: 'list', data: [], usage: usage(4, 0) })
      else if (path === '/v1/images/generations') sendJson(response, { created: 1, data: [{ b64_json: 'AA==' }] })
      else if (path === '/v1/audio/transcriptions') sendJson(response, { text: 'hello' })
      else
        sendJson(response, {
          object: 'text_completion',
          choices: [{ index: 0, text: 'x', finish_reason: 'stop' }],
          usage: usage(3, 1),
        })
    })
    const form = new FormData()
    form.set('model', 'tiny')
    form.set('file', new Blob([new Uint8Array(4_000)]), 'a.wav')
    const asked: [string, unknown][] = [
      ['/v1/embeddings', { model: 'tiny', input: ['one', 'two'] }],
      // The exact engine sells these too.
      ['/v1/completions', { model: 'tiny', prompt: 'Once', provider: { only: [provider.address] } }],
      ['/v1/images/generations', { model: 'tiny', prompt: 'a cat' }],
      ['/v1/audio/transcriptions', form],
    ]
    for (const [path, body] of asked) {
      const answer = await post(path, body)
      assert.equal(answer.status, 200, `${path}: ${await answer.clone().text()}`)
      await answer.arrayBuffer()
      const { opening, receipt } = await bundleOf(answer)
      assert.equal('kind' in opening && opening.path, path)
      assert.ok(receipt.fee > 0n)
    }
  })

  test('a stream that breaks off ends with an error, not with silence', async () => {
    upstream.behave((_, response) => {
      beginStream(response)
      response.write(delta('One '))
      setTimeout(() => response.destroy(), 50)
    })
    const body = { model: 'tiny', messages, max_tokens: 9, stream: true, provider: { only: [provider.address] } }
    const text = await (await post('/v1/chat/completions', body)).text()
    assert.match(text, /One /)
    assert.match(text, /"error"/)
    assert.ok(!text.includes('[DONE]'))
    await gateway.settled()
  })

  test('whoever fails before the first token is replaced by another', async () => {
    upstream.behave((_, response) => void response.writeHead(500).end())
    const body = { model: 'tiny', messages, max_tokens: 3, provider: { order: [provider.address] } }
    const answer = await post('/v1/chat/completions', body)
    assert.equal(answer.status, 200, await answer.clone().text())
    const { attempts } = JSON.parse(answer.headers.get('x-0g-trace')!) as { attempts: { outcome: string }[] }
    assert.deepEqual(
      attempts.map(({ outcome }) => outcome),
      ['failed', 'answering'],
    )
    await answer.arrayBuffer()
    upstream.behave((_, response) => {
      beginStream(response)
      response.end(delta('ok') + done)
    })
  })
})
