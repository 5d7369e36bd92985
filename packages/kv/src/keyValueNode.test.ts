/** A node on a real port, asked as published clients ask, and by our own client: values, iterators, roles, changes, bad input. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bytesToText, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { privateKeyToAccount } from 'viem/accounts'
import { type Change, createKeyValueClient } from './client/index.ts'
import { registerStreamTypedData } from './rpc/addStream.ts'
import { type KeyValueNode, startKeyValueNode } from './startKeyValueNode.ts'
import { createScriptedLog, type ScriptedLog, submitTransaction } from './testing/scriptedLog.ts'
import { decodeStreamTags } from './wire/index.ts'

const alice: Hex = `0x${'a'.repeat(40)}`
const streamName: Hex = `0x${'0'.repeat(63)}1`
const otherName: Hex = `0x${'0'.repeat(63)}2`
const [stream, other] = [hexToBytes(streamName), hexToBytes(otherName)]

type World = {
  env: NodeEnv
  log: ScriptedLog
  node: KeyValueNode
  ask(
    method: string,
    ...params: unknown[]
  ): Promise<{ result?: unknown; error?: { code: number; message: string; data?: string } }>
  decided(seq: number): Promise<void>
}

async function withNode(run: (world: World) => Promise<void>, streams: 'all' | Hex[] = 'all'): Promise<void> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-kv-'))
  const env = createNodeEnv({ dataFolder, log: 'silent' })
  const log = createScriptedLog()
  const network = { indexerUrl: '', flowAddress: alice, chainId: 31337, source: log, content: log }
  const node = await startKeyValueNode({ env, port: 0, streams, acknowledgeMs: 200, ...network })
  try {
    await run({
      env,
      log,
      node,
      async ask(method, ...params) {
        const body = JSON.stringify({ jsonrpc: '2.0', id: 7, method, params })
        const response = await fetch(node.url, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json' },
        })
        return (await response.json()) as { result?: unknown }
      },
      async decided(seq) {
        for (let i = 0; node.replica().result(seq) === undefined; i++) {
          assert.ok(i < 5_000, `transaction ${seq} is not decided`)
          await new Promise((resolve) => setTimeout(resolve, 10))
        }
      },
    })
  } finally {
    await node.close()
    await env.close()
    await rm(dataFolder, { recursive: true, force: true })
  }
}

const write = (key: string, value: string | Uint8Array, streamId = stream) => ({
  streamId,
  key: textToBytes(key),
  value: typeof value === 'string' ? textToBytes(value) : value,
})
const base64 = (text: string | Uint8Array): string => Buffer.from(text).toString('base64')

/** Puts through the scripted log as if a blob had been stored and paid for. */
const blobsOf = (log: ScriptedLog, sender: Hex) => ({
  put: async (bytes: Uint8Array, { tags }: { tags: Hex }) => {
    const streamIds = decodeStreamTags(hexToBytes(tags)) ?? []
    const txSeq = log.submit(bytes, { sender, streamIds })
    return { root: log.submissions()[txSeq]!.root, txSeq, txHash: undefined, sizeBytes: bytes.length, feeWei: 0n }
  },
})

test('values by base64 key, as other clients write keys, by version, by part', async () => {
  await withNode(async ({ log, ask, decided }) => {
    const first = submitTransaction(log, alice, { writes: [write('key1', 'value1'), write('gone', 'x')] })
    const second = submitTransaction(log, alice, { writes: [write('key1', 'newer'), write('gone', '')] })
    await decided(second)
    const result = async (...params: unknown[]) => (await ask('kv_getValue', streamName, ...params)).result
    assert.deepEqual(await result('a2V5MQ==', 0, 262_144), { version: 1, data: base64('newer'), size: 5 })
    assert.deepEqual(await result('a2V5MQ==', 0, 262_144, first), { version: 0, data: base64('value1'), size: 6 })
    for (const key of [
      '0x6b657931',
      'key1',
      { 0: 107, 1: 101, 2: 121, 3: 49 },
      { type: 'Buffer', data: [107, 101, 121, 49] },
    ]) {
      assert.deepEqual(
        await result(key, 0, 262_144),
        { version: 1, data: base64('newer'), size: 5 },
        JSON.stringify(key),
      )
    }
    assert.deepEqual(await result('a2V5MQ==', 2, 2, 2 ** 64), { version: 1, data: base64('we'), size: 5 })
    assert.deepEqual(await result(base64('gone'), 0, 10), { version: 1, data: '', size: 0 })
    assert.deepEqual(await result(base64('none'), 0, 10), { version: 0, data: '', size: 0 })
    assert.equal((await ask('kv_getTransactionResult', String(second))).result, 'Commit')
    assert.equal((await ask('kv_getTransactionResult', 99)).result, null)
    assert.deepEqual((await ask('kv_getReplayProgress')).result, { appliedSeq: 1, firstTxSeq: 0 })
    assert.deepEqual((await ask('kv_getHoldingStreamIds')).result, [streamName])
    assert.equal((await ask('kv_IsAdmin', alice, streamName)).result, true)
    assert.equal((await ask('kv_getStatus')).result, true)
  })
})

test('a value longer than one answer, also for a client that counts in base64', async () => {
  await withNode(async ({ log, ask, decided }) => {
    const value = new Uint8Array(1_400_000).map((_, at) => (at * 7 + (at >> 8) * 13) & 255)
    await decided(submitTransaction(log, alice, { writes: [write('big', value)] }))
    let text = ''
    for (let calls = 0; ; calls++) {
      assert.ok(calls < 10)
      const { result } = await ask('kv_getValue', streamName, base64('big'), text.length, 262_144)
      const { data, size } = result as { data: string; size: number }
      text = Buffer.concat([Buffer.from(text, 'base64'), Buffer.from(data, 'base64')]).toString('base64')
      if (Buffer.from(text, 'base64').length === size) break
    }
    assert.ok(Buffer.from(text, 'base64').equals(value))
    const part = await ask('kv_getValue', streamName, base64('big'), 262_144, 262_144)
    assert.equal((part.result as { data: string }).data, base64(value.subarray(262_144, 524_288)))
  })
})

test('iterators go both ways over what is there at a version', async () => {
  await withNode(async ({ log, ask, decided }) => {
    submitTransaction(log, alice, { writes: ['a', 'a\0', 'b', 'c', 'd'].map((key) => write(key, `=${key}`)) })
    const last = submitTransaction(log, alice, { writes: [write('b', ''), write('e', 'new')] })
    await decided(last)
    const key = async (method: string, ...params: unknown[]) => {
      const { result } = await ask(method, streamName, ...params)
      return result === null
        ? null
        : bytesToText(new Uint8Array(Buffer.from((result as { key: string }).key, 'base64')))
    }
    assert.equal(await key('kv_getFirst', 0, 0), 'a')
    assert.equal(await key('kv_getLast', 0, 10), 'e')
    assert.equal(await key('kv_getLast', 0, 10, 0), 'd')
    assert.equal(await key('kv_getNext', base64('a'), 0, 0, true), 'a')
    assert.equal(await key('kv_getNext', base64('a'), 0, 0, false), 'a\0')
    assert.equal(await key('kv_getNext', base64('a\0'), 0, 0, false), 'c')
    assert.equal(await key('kv_getNext', base64('a\0'), 0, 0, false, 0), 'b')
    assert.equal(await key('kv_getNext', base64('e'), 0, 0, false), null)
    assert.equal(await key('kv_getPrev', base64('c'), 0, 0, true), 'c')
    assert.equal(await key('kv_getPrev', base64('c'), 0, 0, false), 'a\0')
    assert.equal(await key('kv_getPrev', base64('a'), 0, 0, false), null)
    const { result } = await ask('kv_scan', streamName, { prefix: base64('a'), limit: 1 })
    const { items, cursor } = result as { items: { data: string }[]; cursor: string }
    assert.deepEqual([items.length, items[0]!.data, cursor], [1, base64('=a'), base64('a')])
    const values = await ask('kv_getValues', streamName, [base64('a'), base64('zz')])
    assert.deepEqual(
      (values.result as { size: number }[]).map(({ size }) => size),
      [2, 0],
    )
  })
})

test('our client writes with conditions, reads, scans, and learns why something was refused', async () => {
  await withNode(async ({ env, log, node }) => {
    const client = (sender: Hex) => createKeyValueClient({ kvUrl: node.url, env, blobs: blobsOf(log, sender) })
    const kv = client(alice)
    const first = await kv.put(streamName, 'k', '1')
    assert.ok(first.ok)
    // The same again is a transaction of its own.
    const second = await kv.put(streamName, 'k', '1')
    assert.ok(second.ok && second.value.version > first.value.version)
    const stale = await kv.put(streamName, 'k', '2', { ifVersion: first.value.version })
    assert.deepEqual(stale.ok || stale.code, 'conflict')
    const foreign = await client(`0x${'b'.repeat(40)}`).put(streamName, 'k', '3')
    assert.deepEqual(foreign.ok || foreign.code, 'denied')
    const many = Array.from({ length: 250 }, (_, at) => ({
      streamId: streamName,
      key: `p/${String(at).padStart(3, '0')}`,
      value: 'x',
    }))
    assert.ok(
      (
        await kv.batch({
          writes: [...many, { streamId: streamName, key: 'p/big', value: new Uint8Array(300_000).fill(9) }],
        })
      ).ok,
    )
    assert.equal((await kv.get(streamName, 'p/big'))?.value.length, 300_000)
    assert.equal(await kv.get(streamName, 'p/none'), undefined)
    const keys: string[] = []
    for await (const { key, value } of kv.scan(streamName, { prefix: 'p/', pageSize: 40 })) {
      keys.push(bytesToText(key))
      assert.ok(value.length > 0)
    }
    assert.equal(keys.length, 251)
    assert.deepEqual(keys, [...keys].sort())
    assert.ok((await kv.remove(streamName, 'k')).ok)
    assert.equal(await kv.get(streamName, 'k'), undefined)
    assert.equal(bytesToText((await kv.get(streamName, 'k', { version: second.value.version }))!.value), '1')
    assert.deepEqual(await kv.roles(streamName, alice), { isAdmin: true, isWriter: false })
    assert.equal(await kv.mayWrite(streamName, 'k', `0x${'b'.repeat(40)}`), false)
    await assert.rejects(createKeyValueClient({ kvUrl: node.url, env }).put(streamName, 'k', 'x'), {
      code: 'kv/read-only',
    })
  })
})

test('a subscription gives what was, then what comes, in order, and tells what was taken back', async () => {
  await withNode(async ({ env, log, node, decided }) => {
    for (let at = 0; at < 200; at++)
      submitTransaction(log, alice, { writes: [write('k', String(at)), write('other', 'x')] })
    await decided(199)
    const stop = new AbortController()
    const seen: Change[] = []
    const kv = createKeyValueClient({ kvUrl: node.url, env })
    const watching = (async () => {
      for await (const change of kv.watch(streamName, { prefix: 'k', fromVersion: 20, signal: stop.signal }))
        seen.push(change)
    })()
    const until = async (holds: () => boolean) => {
      for (let i = 0; !holds(); i++) {
        assert.ok(i < 500, JSON.stringify(seen.at(-1)))
        await new Promise((resolve) => setTimeout(resolve, 10))
      }
    }
    await until(() => seen.some(({ type }) => type === 'caughtUp'))
    const versions = seen.flatMap((change) => (change.type === 'changed' ? [change.version] : []))
    assert.deepEqual(
      versions,
      Array.from({ length: 180 }, (_, at) => 20 + at),
    )
    submitTransaction(log, alice, { writes: [write('k', 'live')] })
    await until(() => seen.some((change) => change.type === 'changed' && bytesToText(change.value) === 'live'))
    log.takeBack(150)
    await until(() => seen.some((change) => change.type === 'reverted' && change.fromVersion === 150))
    stop.abort()
    await watching
  })
})

test('who does not keep up is told so, with the place to go on from', async () => {
  await withNode(async ({ env, log, node, decided }) => {
    for (let at = 0; at < 300; at++) submitTransaction(log, alice, { writes: [write('k', String(at))] })
    await decided(299)
    const socket = await env.network.connect(node.wsUrl)
    socket.send(JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'kv_subscribe', params: [streamName] }))
    let count = 0
    let last = ''
    for await (const text of socket.messages) {
      last = text
      if (text.includes('"changed"')) count++
      else if (text.includes('"behind"')) break
    }
    assert.deepEqual([count, JSON.parse(last).params.result], [256, { type: 'behind', resumeFrom: 256 }])
    socket.close()
  })
})

test('streams are added by signature, and earlier transactions count from then on', async () => {
  await withNode(
    async ({ log, ask, decided }) => {
      const both = submitTransaction(log, alice, { writes: [write('k', 'both'), write('k', 'both', other)] })
      const single = submitTransaction(log, alice, { writes: [write('k', 'one')] })
      await decided(single)
      assert.equal((await ask('kv_getTransactionResult', both)).result, null)
      const wallet = privateKeyToAccount(`0x${'12'.repeat(32)}`)
      const typedData = registerStreamTypedData(31337, wallet.address, otherName)
      const signature = await wallet.signTypedData(typedData)
      const wrong = await ask('admin_addStream', otherName, alice, signature)
      assert.equal(wrong.error?.data, 'recovered signer does not match claimed wallet')
      assert.equal((await ask('admin_addStream', otherName, wallet.address, '0x12')).error?.code, -32602)
      assert.equal((await ask('admin_addStream', otherName, wallet.address, signature)).result, true)
      for (let i = 0; (await ask('kv_getTransactionResult', both)).result !== 'Commit'; i++) {
        assert.ok(i < 200)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
      assert.deepEqual((await ask('kv_getHoldingStreamIds')).result, [streamName, otherName])
    },
    [streamName],
  )
})

test('wrong parameters, wrong JSON and absurd numbers get the errors that clients know', async () => {
  await withNode(async ({ node, log, ask, decided }) => {
    await decided(submitTransaction(log, alice, { writes: [write('k', 'v')] }))
    const fault = async (method: string, ...params: unknown[]) => (await ask(method, ...params)).error
    assert.deepEqual(await fault('kv_getValue', streamName, base64('k'), 0, 262_145), {
      code: -32602,
      message: 'Invalid params: len',
      data: 'query length too large',
    })
    assert.deepEqual(await fault('kv_getValue', streamName, '', 0, 1), {
      code: -32602,
      message: 'Invalid params: key',
      data: 'key is empty',
    })
    assert.equal((await fault('kv_getValue', streamName, base64('k'), 2, 1))?.message, 'Invalid params: start_index')
    for (const params of [
      [],
      [1],
      ['0x12', 'a', 0, 1],
      [streamName, {}, 0, 1],
      [streamName, 'YQ==', -1, 1],
      [streamName, 'YQ==', 1e30, 1],
      [streamName, 'YQ==', 0, 1, 'x'],
      [streamName, [300], 0, 1],
    ]) {
      assert.equal((await fault('kv_getValue', ...params))?.code, -32602, JSON.stringify(params))
    }
    assert.equal((await fault('kv_nothing'))?.code, -32601)
    assert.equal((await fault('constructor'))?.code, -32601)
    for (const body of ['{', '[]', '1', '{"method":1}', `[${'{},'.repeat(100)}{}]`]) {
      const answer = await (await fetch(node.url, { method: 'POST', body })).text()
      assert.match(answer, /"code":-327?6?0?0/, body)
    }
    assert.equal(
      (await fetch(node.url, { headers: { origin: 'https://elsewhere.example' } })).headers.get(
        'access-control-allow-origin',
      ) !== null,
      true,
    )
  })
})
