/** Several nodes and an indexer: replication with proofs, files served from afar, limits that hold. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, concatBytes, textToBytes } from '@weightless/codec'
import { keccak256, segmentBytes } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { startIndexer, startStorage, startStorageNode } from './index.ts'
import { createByteBudget } from './node/byteBudget.ts'
import { createScriptedFlow } from './testing/scriptedFlow.ts'
import {
  chainId,
  flowAddress,
  makeFile,
  openFile,
  rpc,
  type TestFile,
  until,
  withEnv,
} from './testing/storageClient.ts'
import { decodeSegmentFrame, encodeSegmentFrame } from './wire/index.ts'

const base = { flowAddress, chainId, port: 0 }

async function upload(url: string, file: TestFile, seq: number): Promise<void> {
  await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
  for (let index = 0; index < file.tree.shape.segments; index++) {
    assert.equal((await rpc(url, 'zgs_uploadSegmentByTxSeq', file.segment(index), seq)).error, undefined)
  }
}

test('a file uploaded to one node ends on all, and any indexer serves it with ranges', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const peerUrls: string[] = []
    const second = await keep(startStorageNode({ ...base, env, source, disk: env.disk.folder('b'), peerUrls }))
    const first = await keep(
      startStorage({ ...base, env, source, disk: env.disk.folder('a'), furtherNodeUrls: [second.url] }),
    )
    const apart = await keep(startIndexer({ ...base, env, disk: env.disk.folder('apart'), nodeUrls: [second.url] }))
    peerUrls.push(first.url)
    const file = openFile(makeFile(2 * segmentBytes + 77))
    await upload(first.url, file, source.submit(file.tree))
    await until('synced', async () => {
      const { result } = await rpc(first.url, 'indexer_getFileLocations', file.root)
      return Array.isArray(result) && result.length === 2
    })
    assert.equal((await rpc(second.url, 'admin_getSyncStatus', 0)).result, 'Completed')
    const range = await fetch(`${apart.url}/file/${file.root}`, { headers: { range: 'bytes=262100-262200' } })
    assert.equal(range.status, 206)
    assert.ok(Buffer.from(await range.arrayBuffer()).equals(file.bytes.subarray(262_100, 262_201)))
    const { result } = await rpc(first.url, 'indexer_getShardedNodes')
    assert.deepEqual(
      (result as { trusted: { url: string }[] }).trusted.map(({ url }) => url),
      [first.url, second.url],
    )
    const unknown = await rpc(first.url, 'indexer_getFileLocations', `0x${'12'.repeat(32)}`)
    assert.deepEqual(unknown.error, { code: -32000, message: 'file not found' })
    const info = (await (await fetch(`${apart.url}/file/info/${file.root}`)).json()) as { data: { finalized: boolean } }
    assert.equal(info.data.finalized, true)
    const infos = (await (await fetch(`${apart.url}/files/info?cid=0&cid=9&cid=x`)).json()) as { data: unknown[] }
    assert.deepEqual(infos.data.slice(1), [null, 'invalid cid'])
    const status = (await (await fetch(`${apart.url}/node/status`)).json()) as { data: { nextTxSeq: number } }
    assert.equal(status.data.nextTxSeq, 1)
  })
})

test('a segment damaged on disk is never served, counts as missing, and comes back from a peer', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const peerUrls: string[] = []
    const [diskA, diskB] = [env.disk.folder('a'), env.disk.folder('b')]
    const first = await keep(startStorageNode({ ...base, env, source, disk: diskA, peerUrls }))
    const second = await keep(startStorageNode({ ...base, env, source, disk: diskB, peerUrls: [first.url] }))
    peerUrls.push(second.url)
    const file = openFile(makeFile(segmentBytes + 3_000))
    await upload(first.url, file, source.submit(file.tree))
    await until('synced', async () => (await rpc(second.url, 'zgs_checkFileFinalized', 0)).result === true)
    const [name] = await diskA.list('segments/log')
    const damaged = await diskA.open(`segments/log/${name}`, 'write')
    await damaged.write(100_000, new Uint8Array([1, 2, 3, 4]))
    await damaged.close()
    assert.equal((await rpc(first.url, 'zgs_downloadSegmentByTxSeq', 0, 0, 1024)).result, null)
    await until('repaired', async () => (await rpc(first.url, 'zgs_checkFileFinalized', 0)).result === true)
    assert.equal((await rpc(first.url, 'zgs_downloadSegmentByTxSeq', 0, 0, 1024)).result, file.segment(0).data)
  })
})

test('segments pass as frames both ways, and a wrong one is refused with its reason', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url } = await keep(startStorage({ ...base, env, source }))
    const file = openFile(makeFile(segmentBytes + 5))
    const seq = source.submit(file.tree)
    await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
    await rpc(url, 'zgs_uploadSegmentByTxSeq', file.segment(1), seq)
    const bytes = new Uint8Array(await (await fetch(`${url}/segment/${file.root}/1`)).arrayBuffer())
    const decoded = decodeSegmentFrame(bytes)
    assert.ok(decoded.ok)
    assert.deepEqual(encodeSegmentFrame(decoded.value), bytes)
    const put = (index: number, body: Uint8Array) =>
      fetch(`${url}/segment/${file.root}/${index}?txSeq=${seq}`, { method: 'PUT', body: Buffer.from(body) })
    const again = await put(1, bytes)
    assert.equal(again.status, 409)
    assert.match(await again.text(), /already been uploaded/)
    assert.equal((await put(0, bytes)).status, 400)
    for (const cut of [0, 4, 20, 40, 100]) assert.equal((await put(1, bytes.subarray(0, cut))).status, 400)
    assert.equal((await put(0, new Uint8Array(500_000))).status, 413)
    assert.equal((await fetch(`${url}/segment/${file.root}/0`)).status, 404)
    assert.equal((await fetch(`${url}/segment/${file.root}/9007199254740993`)).status, 400)
  })
})

test('a full disk refuses segments by name and the node goes on', async () => {
  await withEnv(async ({ env, keep }) => {
    let free = 0
    const disk = { ...env.disk, freeBytes: () => Promise.resolve(free) }
    const full: Env = { ...env, disk }
    const source = createScriptedFlow()
    const { url } = await keep(startStorageNode({ ...base, env: full, source }))
    const file = openFile(makeFile(1_000))
    source.submit(file.tree)
    await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
    const refused = await rpc(url, 'zgs_uploadSegmentByTxSeq', file.segment(0), 0)
    assert.deepEqual(refused.error, { code: -32603, message: 'Internal error', data: 'disk is full' })
    free = 2 ** 40
    assert.equal((await rpc(url, 'zgs_uploadSegmentByTxSeq', file.segment(0), 0)).error, undefined)
  })
})

test('more uploads at once than memory is given for all succeed', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url } = await keep(startStorageNode({ ...base, env, source, inFlightBytesMax: 1_000_000 }))
    const file = openFile(makeFile(24 * segmentBytes))
    source.submit(file.tree)
    await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
    const answers = await Promise.all(
      Array.from({ length: 24 }, (_, index) => rpc(url, 'zgs_uploadSegmentsByTxSeq', [file.segment(index)], 0)),
    )
    assert.ok(answers.every(({ result }) => result === 0))
    assert.equal((await rpc(url, 'zgs_checkFileFinalized', 0)).result, true)
  })
})

test('the byte budget admits in order, skips those who left, and gives back once', async () => {
  const budget = createByteBudget(10)
  const never = new AbortController().signal
  const first = await budget.take(8, never)
  const leaving = new AbortController()
  const second = budget.take(100, leaving.signal)
  const third = budget.take(2, never)
  leaving.abort(new Error('gone'))
  await assert.rejects(second, /gone/)
  const giveBack = await third
  assert.equal(budget.usedBytes(), 10)
  first()
  first()
  giveBack()
  assert.equal(budget.usedBytes(), 0)
  await assert.rejects(budget.take(1, AbortSignal.abort(new Error('late'))), /late/)
})

test('files inside an uploaded directory are served by path', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url } = await keep(startStorage({ ...base, env, source }))
    const inner = openFile(textToBytes('hello'))
    const tree = {
      name: '',
      type: 'directory',
      entries: [
        { name: 'a b.txt', type: 'file', roots: [inner.root], size: 5 },
        { name: 'to', type: 'symbolic', link: '../etc/passwd' },
      ],
    }
    const magic = keccak256(textToBytes('0g-storage-client-dir-codec'))
    const directory = openFile(concatBytes([magic, new Uint8Array([0, 2]), textToBytes(JSON.stringify(tree))]))
    for (const file of [inner, directory]) await upload(url, file, source.submit(file.tree))
    const get = (path: string) => fetch(`${url}/file/${directory.root}/${path}`)
    assert.equal(await (await get('a%20b.txt')).text(), 'hello')
    assert.match(await (await get('')).text(), /"a b.txt"/)
    assert.match(await (await get('to')).text(), /etc/)
    for (const path of ['missing', '..%2f..%2fetc', 'a%20b.txt/x', '%ff'])
      assert.equal((await get(path)).status, 404, path)
    assert.equal((await fetch(`${url}/file/${inner.root}/x`)).status, 400)
    assert.equal(bytesToHex(directory.tree.root), directory.root)
  })
})
