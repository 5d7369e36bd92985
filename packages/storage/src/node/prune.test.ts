/** What a whole-file node lets go of: files that nobody pays for, and what is of other shards when it runs short of room. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { segmentBytes } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { createSim } from '@weightless/env/sim'
import { openStorageNode, type StorageNode, startStorage, startStorageNode } from '../index.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import {
  chainId,
  flowAddress,
  makeFile,
  openFile,
  rpc,
  type TestFile,
  until,
  withEnv,
} from '../testing/storageClient.ts'
import type { FileInfoJson, ShardConfigJson } from '../wire/index.ts'
import { openSegmentStore } from './segmentStore.ts'

const base = { flowAddress, chainId, port: 0 }
const prune = { graceMs: 1_000, checkMs: 25 }

async function upload(url: string, file: TestFile, seq: number): Promise<void> {
  await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
  for (let index = 0; index < file.tree.shape.segments; index++) {
    assert.equal((await rpc(url, 'zgs_uploadSegmentByTxSeq', file.segment(index), seq)).error, undefined)
  }
}

async function infoOf(url: string, seq: number): Promise<FileInfoJson> {
  return (await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result as FileInfoJson
}

describe('a whole-file node', () => {
  test('prunes a file whose payment has run out, says so, and takes it again when it is paid anew', async () => {
    await withEnv(async ({ env, openAgain, keep }) => {
      const source = createScriptedFlow()
      const first = await keep(startStorage({ ...base, env, source, prune }))
      const [file, other] = [openFile(makeFile(2 * segmentBytes + 5)), openFile(makeFile(3_000))]
      source.setTime(10_000)
      source.payUntil(source.submit(file.tree), 20_000)
      source.submit(other.tree)
      await upload(first.url, file, 0)
      await upload(first.url, other, 1)
      source.setTime(20_900)
      await new Promise((resolve) => setTimeout(resolve, 150))
      assert.equal((await infoOf(first.url, 0)).finalized, true, 'within its grace')
      source.setTime(21_000)
      await until('pruned', async () => (await infoOf(first.url, 0)).pruned)
      const { finalized, pruned, uploadedSegNum } = await infoOf(first.url, 0)
      assert.deepEqual({ finalized, pruned, uploadedSegNum }, { finalized: false, pruned: true, uploadedSegNum: 3 })
      assert.equal((await rpc(first.url, 'zgs_getFileInfo', file.root, true)).result, null)
      assert.equal(((await rpc(first.url, 'zgs_getFileInfo', file.root, false)).result as FileInfoJson).pruned, true)
      assert.equal((await rpc(first.url, 'zgs_checkFileFinalized', file.root)).result, false)
      assert.deepEqual((await rpc(first.url, 'zgs_uploadSegmentByTxSeq', file.segment(0), 0)).error, {
        code: -32602,
        message: 'Invalid params: root',
        data: 'already pruned',
      })
      assert.equal((await rpc(first.url, 'zgs_downloadSegmentByTxSeq', 0, 0, 1024)).result, null)
      const gone = (await (await fetch(`${first.url}/file?root=${file.root}`)).json()) as { code: number }
      assert.equal(gone.code, 102)
      assert.equal((await infoOf(first.url, 1)).finalized, true)
      await first.close()

      const again = await keep(startStorage({ ...base, env: openAgain(), source, prune }))
      await until('followed', () => again.node!.flow.count() === 2)
      assert.equal((await infoOf(again.url, 0)).pruned, true, 'a restart changes nothing')
      source.payUntil(source.submit(file.tree), 90_000)
      await upload(again.url, file, 2)
      assert.equal((await infoOf(again.url, 2)).finalized, true)
      assert.equal((await infoOf(again.url, 0)).finalized, false)
      assert.ok(Buffer.from(await (await fetch(`${again.url}/file/${file.root}`)).arrayBuffer()).equals(file.bytes))
    })
  })

  test('keeps content that another submission still pays for, and takes back what was pruned and is renewed', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const { url } = await keep(startStorageNode({ ...base, env, source, prune }))
      const file = openFile(makeFile(5_000))
      source.payUntil(source.submit(file.tree), 20_000)
      source.payUntil(source.submit(file.tree), 90_000)
      await upload(url, file, 0)
      source.setTime(30_000)
      await until('pruned', async () => (await infoOf(url, 0)).pruned)
      assert.deepEqual([(await infoOf(url, 1)).finalized, (await infoOf(url, 1)).pruned], [true, false])
      source.payUntil(0, 90_000_000)
      source.setTime(700_000)
      await until('both over or renewed', async () => (await infoOf(url, 1)).pruned && !(await infoOf(url, 0)).pruned)
    })
  })

  test('halves its part of the flow when it is nearly full, again and again, and its room is given back', async () => {
    await withEnv(async ({ env, openAgain, keep }) => {
      const source = createScriptedFlow()
      // Full with the last segment: those before it are not refused while the file is uploaded.
      const options = { ...base, source, storedBytesMax: 30.9 * segmentBytes, prune: { checkMs: 25 } }
      const first = await keep(startStorageNode({ ...options, env }))
      const file = openFile(makeFile(28 * segmentBytes))
      await upload(first.url, file, source.submit(file.tree))
      const shardOf = async (url: string) => (await rpc(url, 'zgs_getShardConfig')).result as ShardConfigJson
      const kept = async (url: string): Promise<number[]> => {
        const found: number[] = []
        for (let index = 0; index < 28; index++) {
          const { result } = await rpc(url, 'zgs_downloadSegmentWithProofByTxSeq', 0, index)
          if (result !== null) found.push(index)
        }
        return found
      }
      await until('halved', async () => (await shardOf(first.url)).numShard === 2)
      await until('tidy', async () => (await kept(first.url)).length === 14)
      const { numShard, shardId } = await shardOf(first.url)
      const start = source.events()[0]!.startSector / 1024
      assert.ok((await kept(first.url)).every((index) => (start + index) % numShard === shardId))
      assert.equal((await infoOf(first.url, 0)).finalized, true, 'final for its shard')
      assert.equal((await fetch(`${first.url}/file/${file.root}`)).status, 404, 'and not the whole file')
      const foreign = [0, 1].find((index) => (start + index) % numShard !== shardId)!
      const next = openFile(makeFile(2 * segmentBytes + 1))
      source.submit(next.tree)
      await until('seen', async () => (await rpc(first.url, 'zgs_getFileInfoByTxSeq', 1)).result !== null)
      const nextStart = source.events()[1]!.startSector / 1024
      const other = (nextStart + foreign) % 2 === shardId ? 1 - foreign : foreign
      const refused = await rpc(first.url, 'zgs_uploadSegmentByTxSeq', next.segment(other), 1)
      assert.equal(refused.error?.data, 'segment belongs to another shard')
      const diskBytes = async (): Promise<number> => {
        const log = env.disk.folder('segments/log')
        let sum = 0
        for (const name of await log.list('')) {
          const one = await log.open(name, 'read')
          sum += await one.size()
          await one.close()
        }
        return sum
      }
      await until('room given back', async () => (await diskBytes()) < 20 * segmentBytes)
      await first.close()
      const again = await keep(startStorageNode({ ...options, env: openAgain() }))
      assert.deepEqual(await shardOf(again.url), { numShard, shardId })
      assert.equal((await kept(again.url)).length, 14)
      await again.close()
      const named = { shard: { numShard: 4, shardId: 3 }, storedBytesMax: 10 ** 9 }
      const moved = await keep(startStorageNode({ ...options, ...named, env: openAgain() }))
      assert.deepEqual(await shardOf(moved.url), { numShard: 4, shardId: 3 })
    })
  })

  test('fetches from peers what belongs to its shard, and nothing else', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const disk = (name: string) => env.disk.folder(name)
      const whole = await keep(startStorageNode({ ...base, env, disk: disk('whole'), source }))
      const file = openFile(makeFile(7 * segmentBytes + 9))
      await upload(whole.url, file, source.submit(file.tree))
      const shard = { numShard: 2, shardId: 1 }
      const options = { ...base, env, disk: disk('half'), source, shard, peerUrls: [whole.url] }
      const half = await keep(startStorageNode(options))
      await until('synced', async () => (await rpc(half.url, 'zgs_checkFileFinalized', 0)).result === true)
      const start = source.events()[0]!.startSector / 1024
      for (let index = 0; index < 8; index++) {
        const { result } = await rpc(half.url, 'zgs_downloadSegmentWithProofByTxSeq', 0, index)
        assert.equal(result !== null, (start + index) % 2 === 1)
      }
      assert.deepEqual((await rpc(half.url, 'admin_getFileLocation', 0)).result, [
        { ip: whole.url, shardConfig: { shardId: 0, numShard: 1 } },
      ])
    })
  })

  test('that dies at any write of pruning goes on with it, and loses nothing that is paid', async () => {
    for (let change = 1; change <= 25; change += 2) {
      const sim = createSim({ seed: change, faults: { sectorLossChance: 0.3 } })
      const source = createScriptedFlow()
      const [file, other] = [openFile(makeFile(2 * segmentBytes + 9)), openFile(makeFile(70_000))]
      source.setTime(10_000)
      source.payUntil(source.submit(file.tree), 20_000)
      source.submit(other.tree)
      const open = (env: Env) =>
        openStorageNode({ env, source, flowAddress, chainId, prune: { graceMs: 1_000, checkMs: 100 } })
      const ask = async ({ methods }: StorageNode, method: string, ...params: unknown[]) => {
        const answer = await methods[method]!(params, { signal: new AbortController().signal, origin: undefined })
        return 'result' in answer ? answer.result : answer.fault
      }
      const isKept = async (node: StorageNode, seq: number, { bytes }: TestFile) => {
        const sectors = Math.ceil(bytes.length / 256)
        return (await ask(node, 'zgs_downloadSegmentByTxSeq', seq, 0, Math.min(1024, sectors))) !== null
      }
      const first = sim.boot('node')
      const story = async (): Promise<void> => {
        const node = await open(first)
        while (node.flow.count() < 2) await first.clock.sleep(10)
        for (let index = 0; index < 3; index++) await ask(node, 'zgs_uploadSegmentByTxSeq', file.segment(index), 0)
        await ask(node, 'zgs_uploadSegmentByTxSeq', other.segment(0), 1)
        assert.ok((await isKept(node, 0, file)) && (await isKept(node, 1, other)))
        source.setTime(30_000)
        sim.disk('node').crashAtChange(change)
        await first.clock.sleep(60_000)
      }
      await sim.run(Promise.race([story(), sim.whenDown('node')]))
      sim.disk('node').crashAtChange(0)
      sim.crash('node')
      const env = sim.boot('node')
      const after = async (): Promise<void> => {
        const node = await open(env)
        await env.clock.sleep(2_000)
        assert.equal(((await ask(node, 'zgs_getFileInfoByTxSeq', 0)) as FileInfoJson).pruned, true)
        assert.equal(await isKept(node, 0, file), false)
        assert.equal(await isKept(node, 1, other), true)
        await node.close()
        const left = await openSegmentStore(env.disk, env.log, { onStored: () => undefined, onLost: () => undefined })
        assert.equal(left.count(node.flow.get(0)!.fileKey), 0)
        assert.equal(left.count(node.flow.get(1)!.fileKey), 1)
        await left.close()
      }
      await sim.run(after())
    }
  })
})
