/** The key-value RPC under anything that JSON can say, over HTTP and WebSocket: typed answers, and the streams stay as they were. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { damaged, damagedJson, fuzzRuns, oddJson } from '@weightless/codec/testing/fuzz'
import type { Log } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import fc from 'fast-check'
import { roleMethods } from './rpc/roleMethods.ts'
import { valueMethods } from './rpc/valueMethods.ts'
import { type KeyValueNode, startKeyValueNode } from './startKeyValueNode.ts'
import { createScriptedLog, submitTransaction } from './testing/scriptedLog.ts'

const alice: Hex = `0x${'a'.repeat(40)}`
const streamName: Hex = `0x${'0'.repeat(63)}1`
const write = (key: string, value: string) => ({
  ...{ streamId: hexToBytes(streamName), key: textToBytes(key), value: textToBytes(value) },
})
const parts = { replica: () => assert.fail() } as never
const names = [...Object.keys(valueMethods(parts)), ...Object.keys(roleMethods(parts))]
const socketNames = ['kv_subscribe', 'kv_unsubscribe', 'kv_acknowledge']

/** A log that remembers what was thrown inside a method. */
function createThrowLog(): Log & { thrown: string[] } {
  const thrown: string[] = []
  const note: Log['warn'] = (event, facts) => void (event === 'rpc method failed' && thrown.push(JSON.stringify(facts)))
  const ignore = (): void => undefined
  const log = { thrown, debug: ignore, info: ignore, warn: note, error: note, child: (): Log => log }
  return log
}

async function withNode(run: (node: KeyValueNode, thrown: readonly string[]) => Promise<void>): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-kv-fuzz-'))
  const env = createNodeEnv({ dataFolder, log: 'silent' })
  const log = createThrowLog()
  const source = createScriptedLog()
  const network = { indexerUrl: '', flowAddress: alice, chainId: 31337, source, content: source }
  const node = await startKeyValueNode({
    env: { ...env, log },
    port: 0,
    streams: 'all',
    acknowledgeMs: 200,
    ...network,
  })
  try {
    const seq = submitTransaction(source, alice, { writes: [write('a', '1'), write('b', '22')] })
    for (let i = 0; node.replica().result(seq) === undefined || /^0x0+$/.test(node.replica().head().digest); i++) {
      assert.ok(i < 500)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
    const before = node.replica().head().digest
    await run(node, log.thrown)
    assert.equal(node.replica().head().digest, before)
    assert.deepEqual(log.thrown, [])
  } finally {
    await node.close()
    await env.close()
    await rm(dataFolder, { recursive: true, force: true })
  }
}

const key = Buffer.from('a').toString('base64')
const params = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: oddJson },
    { weight: 3, arbitrary: fc.constantFrom<unknown>(streamName, key, alice, 0, 1, 100, '0', true, null) },
    { weight: 1, arbitrary: damagedJson([key, key]) },
    { weight: 1, arbitrary: damagedJson({ streamId: streamName, prefix: key, limit: 5, after: key, version: 0 }) },
  ),
  { maxLength: 6 },
)

function checkAnswer(text: string): void {
  const answer = JSON.parse(text) as { result?: unknown; error?: { code: unknown; message: unknown } }
  for (const { error, ...one } of Array.isArray(answer) ? (answer as (typeof answer)[]) : [answer]) {
    if (error === undefined) assert.ok('result' in one || 'method' in one)
    else assert.ok(Number.isInteger(error.code) && typeof error.message === 'string' && text.length < 5_000, text)
  }
}

test('whatever a request says it has a typed answer, and no stream changes', async () => {
  assert.ok(names.length > 14)
  await withNode(async (node, thrown) => {
    const call = { jsonrpc: '2.0', id: 1, method: 'kv_getValue', params: [streamName, key, 0, 10] }
    const bodies = fc.oneof(
      {
        weight: 4,
        arbitrary: fc
          .tuple(fc.constantFrom(...names), params)
          .map(([method, list]) => ({ ...call, method, params: list }))
          .map((json) => JSON.stringify(json)),
      },
      { weight: 1, arbitrary: damaged(textToBytes(JSON.stringify(call))) },
      { weight: 1, arbitrary: damagedJson([call]).map((json) => JSON.stringify(json) ?? '') },
      { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
    )
    await fc.assert(
      fc.asyncProperty(bodies, async (body) => {
        const response = await fetch(node.url, { method: 'POST', body: body as BodyInit })
        assert.equal(response.status, 200)
        checkAnswer(await response.text())
        assert.deepEqual(thrown, [])
      }),
      fuzzRuns(700),
    )
  })
})

test('a socket that says anything is answered or closed, and others go on', async () => {
  await withNode(async (node) => {
    const message = fc.oneof(
      fc
        .tuple(fc.constantFrom(...socketNames, ...names), params)
        .map(([method, list]) => JSON.stringify({ jsonrpc: '2.0', id: 1, method, params: list })),
      oddJson.map((json) => JSON.stringify(json)),
      fc.string(),
    )
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 12 }), async (messages) => {
        for (const answer of await converse(node.url.replace('http', 'ws'), messages)) checkAnswer(answer)
        const response = await fetch(node.url, { method: 'POST', body: '{"id":1,"method":"kv_getStatus"}' })
        assert.equal(((await response.json()) as { result: unknown }).result, true)
      }),
      fuzzRuns(40),
    )
  })
})

/** Says all of it, then asks one thing more; what was answered until that, or until the other end closed. */
async function converse(url: string, messages: readonly string[]): Promise<string[]> {
  const socket = new WebSocket(url)
  const answers: string[] = []
  await new Promise<void>((resolve) => {
    socket.onclose = () => resolve()
    socket.onerror = () => resolve()
    socket.onopen = () => {
      for (const message of messages) socket.send(message)
      socket.send('{"jsonrpc":"2.0","id":"last","method":"kv_getStatus"}')
    }
    socket.onmessage = ({ data }) => {
      answers.push(String(data))
      if (String(data).includes('"last"')) resolve()
    }
  })
  socket.close()
  assert.ok(answers.length > 0, 'neither answered nor closed with a word')
  return answers
}
