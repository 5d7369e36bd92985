/** A storage node over real HTTP and a real disk: shapes, order of refusals, durability, restart. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { zeroRoot } from '@weightless/crypto'
import { startStorage, startStorageNode } from './index.ts'
import { createScriptedFlow } from './testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from './testing/storageClient.ts'
import type { FileInfoJson } from './wire/index.ts'

const base = { flowAddress, chainId, port: 0 }

test('files of boundary sizes come back byte for byte, over RPC and as ranges', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const storage = await keep(startStorage({ ...base, env, source }))
    for (const size of [1, 255, 256, 257, 262_143, 262_144, 262_145, 786_433]) {
      const file = openFile(makeFile(size))
      const seq = source.submit(file.tree)
      await until('seen', async () => (await rpc(storage.url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
      const before = (await rpc(storage.url, 'zgs_getFileInfo', file.root, true)).result as FileInfoJson
      assert.equal(before.finalized, false)
      for (let index = 0; index < file.tree.shape.segments; index++) {
        const answer = await rpc(storage.url, 'zgs_uploadSegmentsByTxSeq', [file.segment(index)], seq)
        assert.deepEqual(answer, { jsonrpc: '2.0', id: 0.123456789012345, result: 0 })
      }
      const info = (await rpc(storage.url, 'zgs_getFileInfo', file.root, true)).result as FileInfoJson
      assert.deepEqual(info, {
        tx: {
          streamIds: [],
          data: [],
          dataMerkleRoot: file.root,
          merkleNodes: info.tx.merkleNodes,
          startEntryIndex: source.events()[seq]!.startSector,
          size,
          seq,
        },
        finalized: true,
        isCached: false,
        uploadedSegNum: file.tree.shape.segments,
        pruned: false,
      })
      assert.deepEqual(
        info.tx.merkleNodes.map(([depth]) => depth),
        file.tree.nodes.map(({ height }) => height + 1),
      )
      const parts: Buffer[] = []
      for (let start = 0; start < file.tree.shape.sectors; start += 1024) {
        const end = Math.min(start + 1024, file.tree.shape.sectors)
        const { result } = await rpc(storage.url, 'zgs_downloadSegmentByTxSeq', seq, start, end)
        parts.push(Buffer.from(result as string, 'base64'))
      }
      assert.ok(Buffer.concat(parts).subarray(0, size).equals(file.bytes))
      const whole = await fetch(`${storage.url}/file/${file.root}`)
      assert.equal(whole.headers.get('etag'), `"${file.root}"`)
      assert.ok(Buffer.from(await whole.arrayBuffer()).equals(file.bytes))
      const proved = (await rpc(storage.url, 'zgs_downloadSegmentWithProof', file.root, 0)).result
      assert.deepEqual(proved, file.segment(0))
    }
    assert.equal(storage.node!.agreesWithChain(), true)
    const [flowRoot, length] = (await rpc(storage.url, 'zgs_getFlowContext')).result as [string, number]
    assert.equal(flowRoot, await source.rootAfter(7))
    for (const sector of [0, 1, 3, 1024, length - 1]) {
      const { result, error } = await rpc(storage.url, 'zgs_getSectorProof', sector, null)
      assert.equal(error, undefined)
      const lemma = (result as { lemma: string[] } | null)?.lemma
      if (lemma) assert.equal(lemma.at(-1), flowRoot, `sector ${sector}`)
      else assert.equal(sector, length - 1)
    }
  })
})

test('refusals come in the network’s order and words', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url } = await keep(startStorageNode({ ...base, env, source }))
    const file = openFile(makeFile(300_000))
    const good = file.segment(0)
    const refused = async (segment: unknown, seq: unknown = 0) =>
      (await rpc(url, 'zgs_uploadSegmentByTxSeq', segment, seq)).error
    const byRoot = async (segment: unknown) => (await rpc(url, 'zgs_uploadSegment', segment)).error
    const invalid = (name: string, data: string) => ({ code: -32602, message: `Invalid params: ${name}`, data })

    assert.deepEqual(await byRoot({ ...good, data: '' }), { code: -32000, message: 'data is empty' })
    assert.deepEqual(await byRoot({ ...good, data: 'AAAA' }), { code: -32000, message: 'invalid data length' })
    assert.deepEqual(
      await byRoot({ ...good, fileSize: 11 * 1024 * 1024 }),
      invalid('file_size', 'caching of large file when tx is unavailable is not supported'),
    )
    source.submit(file.tree)
    await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
    assert.deepEqual(await refused({ ...good, root: `0x${'11'.repeat(32)}` }), {
      code: -32603,
      message: 'Internal error',
      data: 'data root and tx seq not match',
    })
    assert.deepEqual(
      await refused({ ...good, fileSize: 1 }),
      invalid('file_size', 'segment file size not matched with tx file size'),
    )
    assert.deepEqual(await refused({ ...good, index: 2 }), invalid('index', 'index out of bound'))
    assert.deepEqual(await refused({ ...good, index: 1 }), invalid('data', 'invalid data length'))
    assert.deepEqual(await refused({ ...good, data: file.segment(1).data }), invalid('data', 'invalid data length'))
    assert.deepEqual(await refused({ ...good, proof: { lemma: [], path: [true] } }), invalid('proof', 'invalid proof'))
    assert.deepEqual(
      await refused({ ...good, proof: { ...good.proof, path: [false] } }),
      invalid('proof', 'validation failed'),
    )
    const forged = { ...good, data: Buffer.alloc(262_144, 7).toString('base64') }
    assert.deepEqual(await refused(forged), invalid('proof', 'validation failed'))
    assert.equal(await refused(good), undefined)
    assert.deepEqual(await refused(good), {
      code: -32000,
      message: 'segment has already been uploaded or is being uploaded',
    })
    assert.deepEqual((await rpc(url, 'zgs_uploadSegmentsByTxSeq', [good, file.segment(1)], '0')).result, 0)
    assert.deepEqual(await refused(good), invalid('root', 'already uploaded and finalized'))
  })
})

test('malformed requests get typed errors and the node goes on', async () => {
  await withEnv(async ({ env, keep }) => {
    const { url } = await keep(startStorage({ ...base, env, source: createScriptedFlow() }))
    const post = async (body: string) =>
      (await (await fetch(url, { method: 'POST', body })).json()) as { error: { code: number } }
    assert.equal((await post('{')).error.code, -32700)
    assert.equal((await post('[]')).error.code, -32600)
    assert.equal((await post('{"id":1}')).error.code, -32600)
    assert.equal((await post('{"id":1,"method":"__proto__"}')).error.code, -32601)
    assert.equal((await post('{"id":1,"method":"toString"}')).error.code, -32601)
    assert.equal((await post('{"id":1,"method":"zgs_getFileInfo","params":{}}')).error.code, -32602)
    const odd: unknown[] = [null, -1, 1.5, 2 ** 60, '0x', [], {}, 'x'.repeat(100_000), `0x${'g'.repeat(64)}`]
    for (const method of [
      'zgs_getFileInfo',
      'zgs_getFileInfoByTxSeq',
      'zgs_uploadSegment',
      'zgs_downloadSegment',
      'zgs_getSectorProof',
    ]) {
      for (const value of odd) {
        const { error } = await rpc(url, method, value, value, value)
        assert.ok(error && error.code <= -32000 && error.code !== -32603, `${method} ${String(value).slice(0, 20)}`)
      }
    }
    const segment = openFile(makeFile(1)).segment(0)
    for (const data of ['*'.repeat(344), segment.data.slice(1), 7]) {
      assert.equal((await rpc(url, 'zgs_uploadSegment', { ...segment, data })).error?.code, -32602)
    }
    for (const path of [
      '/file/..%2f..%2fetc%2fpasswd',
      '/file/0x12',
      '/segment/0x/0',
      '/file/99999999999999999999',
      '/nothing',
    ]) {
      const response = await fetch(url + path)
      assert.ok(response.status === 404 || response.status === 400, path)
      await response.body?.cancel()
    }
    const foreign = await fetch(url, {
      method: 'POST',
      headers: { origin: 'https://evil.example' },
      body: '{"id":1,"method":"admin_getPeers"}',
    })
    assert.match(await foreign.text(), /-32601|not open/)
    assert.equal((await rpc(url, 'zgs_getShardConfig')).error, undefined)
  })
})

test('ranges, conditions and attachments', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url } = await keep(startStorage({ ...base, env, source }))
    const file = openFile(makeFile(600_000))
    source.submit(file.tree)
    await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
    assert.equal((await fetch(`${url}/file/${file.root}`)).status, 404)
    const early = await fetch(`${url}/file?root=${file.root}`)
    assert.deepEqual([early.status, ((await early.json()) as { code: number }).code], [200, 103])
    await rpc(
      url,
      'zgs_uploadSegments',
      [0, 1, 2].map((index) => file.segment(index)),
    )
    const get = (range: string, headers: Record<string, string> = {}) =>
      fetch(`${url}/file/${file.root}`, { headers: { range, ...headers } })
    for (const [range, from, to] of [
      ['bytes=0-0', 0, 1],
      ['bytes=262140-262150', 262_140, 262_151],
      ['bytes=599999-', 599_999, 600_000],
      ['bytes=-5', 599_995, 600_000],
      ['bytes=100-999999999', 100, 600_000],
    ] as const) {
      const response = await get(range)
      assert.equal(response.status, 206, range)
      assert.equal(response.headers.get('content-range'), `bytes ${from}-${to - 1}/600000`)
      assert.ok(Buffer.from(await response.arrayBuffer()).equals(file.bytes.subarray(from, to)), range)
    }
    assert.equal((await get('bytes=600000-')).status, 416)
    const changed = await get('bytes=0-0', { 'if-range': '"other"' })
    assert.equal(changed.status, 200)
    await changed.body?.cancel()
    assert.equal((await get('bytes=0-0', { 'if-range': `"${file.root}"` })).status, 206)
    assert.equal(
      (await fetch(`${url}/file/${file.root}`, { headers: { 'if-none-match': `"${file.root}"` } })).status,
      304,
    )
    const head = await fetch(`${url}/file/0`, { method: 'HEAD' })
    assert.equal(head.headers.get('content-length'), '600000')
    const named = await fetch(`${url}/file?txSeq=0&name=../a"b.txt`)
    assert.equal(named.headers.get('content-disposition'), 'attachment; filename=".._a_b.txt"')
    await named.body?.cancel()
  })
})

test('what was acknowledged is there after a restart, early segments wait for their submission', async () => {
  await withEnv(async ({ env, openAgain, keep }) => {
    const source = createScriptedFlow()
    const first = await keep(startStorageNode({ ...base, env, source }))
    const [a, b] = [openFile(makeFile(700_000)), openFile(makeFile(9_000))]
    source.submit(a.tree)
    await until('seen', async () => (await rpc(first.url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
    await rpc(first.url, 'zgs_uploadSegmentByTxSeq', a.segment(2), 0)
    await rpc(first.url, 'zgs_uploadSegmentByTxSeq', a.segment(0), 0)
    assert.equal((await rpc(first.url, 'zgs_uploadSegment', b.segment(0))).error, undefined)
    assert.equal((await rpc(first.url, 'zgs_getFileInfo', b.root, false)).result, null)
    source.submit(b.tree)
    await until('early', async () => (await rpc(first.url, 'zgs_checkFileFinalized', b.root)).result === true)
    await first.close()
    source.submit(openFile(new Uint8Array(256)).tree)
    const second = await keep(startStorageNode({ ...base, env: openAgain(), source }))
    const info = (await rpc(second.url, 'zgs_getFileInfoByTxSeq', 0)).result as FileInfoJson
    assert.deepEqual([info.uploadedSegNum, info.finalized], [1, false])
    assert.equal((await rpc(second.url, 'zgs_uploadSegmentByTxSeq', a.segment(1), 0)).error, undefined)
    assert.equal((await rpc(second.url, 'zgs_checkFileFinalized', 0)).result, true)
    assert.equal((await rpc(second.url, 'zgs_checkFileFinalized', b.root)).result, true)
    await until(
      'follows on',
      async () => (await rpc(second.url, 'zgs_getStatus')).result !== undefined && second.node!.flow.count() === 3,
    )
    assert.ok(Buffer.from(await (await fetch(`${second.url}/file/0`)).arrayBuffer()).equals(a.bytes))
  })
})

test('the flow is followed through doubles, gaps and reverts', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { node } = await keep(startStorageNode({ ...base, env, source }))
    const files = [1, 300, 70_000].map((size) => openFile(makeFile(size)))
    source.submit(files[0]!.tree)
    await until('first', () => node!.flow.count() === 1)
    source.give({ block: 1, events: source.events() })
    const [known] = source.events()
    source.give({ block: 2, events: [{ ...known!, seq: 5, blockNumber: 2 }] })
    source.submit(files[1]!.tree)
    await until('after the gap', () => node!.flow.count() === 2)
    source.give({ revert: 1 })
    await until('taken back', () => node!.flow.count() === 1)
    source.give({ block: 2, events: source.events().slice(1) })
    await until('again', () => node!.flow.count() === 2 && node!.agreesWithChain())
    source.submit(files[2]!.tree)
    await until('on', () => node!.flow.count() === 3 && node!.agreesWithChain())
  })
})

test('a chain that was begun anew is followed from its start, and content is kept by its root', async () => {
  await withEnv(async ({ env, openAgain, keep }) => {
    const old = createScriptedFlow()
    const first = await keep(startStorageNode({ ...base, env, source: old }))
    const [a, b] = [openFile(makeFile(5_000)), openFile(makeFile(6_000))]
    for (const file of [b, a]) old.submit(file.tree)
    await until('seen', () => first.node!.flow.count() === 2)
    assert.equal((await rpc(first.url, 'zgs_uploadSegment', a.segment(0))).error, undefined)
    await first.close()
    const anew = createScriptedFlow()
    anew.submit(a.tree)
    const second = await keep(startStorageNode({ ...base, env: openAgain(), source: anew }))
    await until('read again', () => second.node!.flow.count() === 1)
    assert.equal((await rpc(second.url, 'zgs_checkFileFinalized', 0)).result, true)
    assert.equal((await rpc(second.url, 'zgs_getFileInfo', b.root, false)).result, null)
    assert.equal(second.node!.agreesWithChain(), true)
  })
})

test('a root submitted with a shape that is not its own never becomes final and harms nobody', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url, node } = await keep(startStorageNode({ ...base, env, source }))
    const real = openFile(makeFile(262_145))
    const root = real.tree.root
    source.submit({ nodes: [{ root, height: 11 }], shape: { sizeBytes: 524_288 } })
    source.submit(real.tree)
    await until('seen', () => node!.flow.count() === 2)
    for (const index of [0, 1]) await rpc(url, 'zgs_uploadSegmentByTxSeq', real.segment(index), 1)
    assert.equal((await rpc(url, 'zgs_checkFileFinalized', 0)).result, false)
    assert.equal((await rpc(url, 'zgs_checkFileFinalized', real.root)).result, true)
    assert.notDeepEqual(root, zeroRoot(11))
  })
})
