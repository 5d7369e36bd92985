/** The client's side of the OpenAI wire, against a server that says what gateways say. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { HttpHandler } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { createClient } from '../client.ts'
import { GatewayRefusedError } from './callGateway.ts'
import type { ChatEvent } from './readChatAnswer.ts'

async function withGateway(
  handler: HttpHandler,
  work: (client: ReturnType<typeof createClient>) => Promise<void>,
): Promise<void> {
  const dataFolder = mkdtempSync(join(tmpdir(), 'weightless-sdk-'))
  const env = createNodeEnv({ dataFolder, log: 'silent' })
  const server = await env.network.serve({ port: 0, handler })
  const nowhere = 'http://127.0.0.1:9'
  const config = {
    chain: { rpcUrl: nowhere, wsUrl: nowhere, chainId: 31337, accounts: [] },
    contracts: {},
    storage: { indexerUrl: nowhere, nodeUrls: [] },
    compute: { gatewayUrl: server.url.replace(/\/$/, ''), apiKey: 'sk-test', providers: [] },
  }
  try {
    await work(createClient({ config, env }))
  } finally {
    await server.close()
    await env.close()
    rmSync(dataFolder, { recursive: true })
  }
}

const chunk = (value: object) => `data: ${JSON.stringify(value)}\n\n`
const request = { model: 'm', messages: [{ role: 'user' as const, content: 'hi' }] }

test('text, usage and the receipt id arrive in order', async () => {
  let sent: unknown
  const handler: HttpHandler = async ({ headers, body }) => {
    assert.equal(headers.authorization, 'Bearer sk-test')
    sent = JSON.parse(await readText(body))
    const lines = [
      chunk({ choices: [{ delta: { role: 'assistant', content: '' } }] }),
      chunk({ choices: [{ delta: { content: 'Hel' } }] }),
      chunk({ choices: [{ delta: { content: 'lo' } }] }),
      chunk({ choices: [{ delta: {}, finish_reason: 'stop' }] }),
      chunk({ choices: [], usage: { prompt_tokens: 3, completion_tokens: 2 } }),
      'data: [DONE]\n\n',
    ]
    return {
      status: 200,
      headers: { 'content-type': 'text/event-stream', 'x-weightless-receipt': 'r-1' },
      body: lines.join(''),
    }
  }
  await withGateway(handler, async (client) => {
    const events: ChatEvent[] = []
    for await (const event of client.chat.stream({ ...request, maxTokens: 5, seed: 7 })) events.push(event)
    assert.deepEqual(events, [
      { type: 'receipt', receiptId: 'r-1', provider: undefined },
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      { type: 'end', finishReason: 'stop', usage: { promptTokens: 3, completionTokens: 2 }, receiptId: 'r-1' },
    ])
    assert.deepEqual(sent, {
      ...request,
      stream: true,
      stream_options: { include_usage: true },
      max_tokens: 5,
      seed: 7,
    })
  })
})

test('a refusal keeps its status, code and words, and says what to do', async () => {
  const body = JSON.stringify({
    error: { message: 'Your balance is empty.', type: 'insufficient_quota', code: 'insufficient_balance' },
  })
  await withGateway(
    async () => ({ status: 402, headers: { 'content-type': 'application/json' }, body }),
    async (client) => {
      const refused = await client.chat.complete(request).catch((error: unknown) => error)
      assert.ok(refused instanceof GatewayRefusedError)
      assert.equal(refused.status, 402)
      assert.equal(refused.facts.reason, 'insufficient_balance')
      assert.equal(refused.shortMessage, 'Your balance is empty.')
      assert.match(refused.hint ?? '', /Deposit/)
    },
  )
})

test('an error in the middle of a stream is thrown, not taken for the end', async () => {
  const lines = [chunk({ choices: [{ delta: { content: 'He' } }] }), chunk({ error: { message: 'the model broke' } })]
  await withGateway(
    async () => ({ status: 200, body: lines.join('') }),
    async (client) => assert.rejects(client.chat.complete(request), /the model broke/),
  )
})

test('models without an id are left out, prices are whole wei', async () => {
  const data = [
    { id: 'a', root: `0x${'11'.repeat(32)}`, pricing: { prompt: '100', completion: '-1' } },
    { object: 'model' },
    'x',
  ]
  await withGateway(
    async () => ({ status: 200, body: JSON.stringify({ object: 'list', data }) }),
    async (client) => {
      const [model, ...rest] = await client.chat.models()
      assert.equal(rest.length, 0)
      assert.equal(model?.inputWeiPerToken, 100n)
      assert.equal(model?.outputWeiPerToken, undefined)
      assert.equal(model?.root, `0x${'11'.repeat(32)}`)
    },
  )
})

async function readText(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts).toString('utf8')
}
