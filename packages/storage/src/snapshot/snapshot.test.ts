/** Snapshots of running nodes: all that was acknowledged before is in them, a node opens from one, half of one is refused. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { segmentBytes } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { createSim } from '@weightless/env/sim'
import { openStorageNode, startHolder, startStorageNode } from '../index.ts'
import { startCodedNetwork } from '../testing/codedNetwork.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from '../testing/storageClient.ts'
import type { FileInfoJson, SnapshotJson } from '../wire/index.ts'
import { readMark, SnapshotUnfinishedError } from './snapshotMark.ts'

const base = { flowAddress, chainId, port: 0 }

async function snapshot(url: string, name: string): Promise<SnapshotJson> {
  const started = await rpc(url, 'admin_createSnapshot', name)
  assert.equal(started.error, undefined)
  let last: SnapshotJson | undefined
  await until('taken', async () => {
    last = (await rpc(url, 'admin_getSnapshot', name)).result as SnapshotJson
    return last.state !== 'running'
  })
  return last!
}

describe('a snapshot', () => {
  test('of a whole-file node under uploads holds what was acknowledged before, and opens as a node', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const live = env.disk.folder('live')
      const { url } = await keep(startStorageNode({ ...base, env, disk: live, source }))
      const files = Array.from({ length: 6 }, (_, at) => openFile(makeFile(3 * segmentBytes + 1 + at)))
      for (const { tree } of files) source.submit(tree)
      await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 5)).result !== null)
      const put = async (seq: number, index: number) =>
        rpc(url, 'zgs_uploadSegmentByTxSeq', files[seq]!.segment(index), seq)
      for (const seq of [0, 1, 2]) for (let index = 0; index < 4; index++) await put(seq, index)
      await put(3, 1)
      const uploads = [3, 4, 5].flatMap((seq) => [0, 2, 3].map((index) => put(seq, index)))
      const taken = await snapshot(url, 'monday')
      await Promise.all(uploads)
      assert.deepEqual([taken.state, taken.missing, taken.folder], ['complete', 0, 'snapshots/monday'])
      assert.ok(taken.records >= 13)
      assert.match((await rpc(url, 'admin_createSnapshot', 'monday')).error!.message, /is there/)
      for (const name of ['../x', '', 'a/b', '.', 'x'.repeat(65), 7, null]) {
        assert.equal((await rpc(url, 'admin_createSnapshot', name)).error?.code, -32602, String(name))
      }
      assert.equal((await rpc(url, 'admin_getSnapshot', 'tuesday')).result, null)

      const copy = await keep(startStorageNode({ ...base, env, disk: live.folder(taken.folder), source }))
      await until('followed', () => copy.node!.flow.count() === 6)
      for (const seq of [0, 1, 2]) {
        const bytes = Buffer.from(await (await fetch(`${copy.url}/file/${seq}`)).arrayBuffer())
        assert.ok(bytes.equals(files[seq]!.bytes))
      }
      const third = await rpc(copy.url, 'zgs_downloadSegmentWithProofByTxSeq', 3, 1)
      assert.deepEqual(third.result, files[3]!.segment(1))
      for (let seq = 0; seq < 6; seq++) {
        assert.equal(((await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result as FileInfoJson).tx.seq, seq)
      }
    })
  })

  test('of a holder opens under its key with its rows, placements and signatures', async () => {
    await withEnv(async (world) => {
      const { env, keep } = world
      const { source, gateway, holders } = await startCodedNetwork(world)
      const file = openFile(makeFile(9 * segmentBytes + 5))
      source.submit(file.tree)
      await until('seen', async () => (await rpc(gateway.url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
      const segments = Array.from({ length: 10 }, (_, index) => file.segment(index))
      await rpc(gateway.url, 'zgs_uploadSegmentsByTxSeq', segments, 0)
      await until('final', async () => (await rpc(gateway.url, 'zgs_checkFileFinalized', 0)).result === true)
      const old = holders[2]!
      await until('placed', () => old.holder.placements.find(file.root).length === 1)
      const taken = await snapshot(old.url, 'a')
      assert.equal(taken.state, 'complete')
      assert.ok(taken.records > 0 && taken.missing === 0)
      const { placements, fragments } = old.holder
      const [placement] = placements.find(file.root)
      const [held] = fragments.files(10)
      await old.close()
      const disk = env.disk.folder('holder-2').folder(taken.folder)
      const options = { secretKey: new Uint8Array(32).fill(3), shard: { numShard: 4, shardId: 2 }, announceMs: 250 }
      const again = await keep(startHolder({ ...base, ...options, env, disk, source, indexerUrls: [gateway.url] }))
      assert.equal(again.nodeId, old.nodeId)
      assert.deepEqual(again.holder.placements.find(file.root), [placement])
      assert.deepEqual(again.holder.fragments.files(10), [held])
      assert.ok(again.holder.fragments.isWhole(held!, file.tree.shape))
      const from = `/fragments/${file.root}?sizeBytes=${file.bytes.length}&row=${held!.row}&from=0&to=99`
      assert.equal((await fetch(again.url + from)).status, 200)
      assert.equal(again.holder.repair.stats().rebuilt, 0)
    })
  })

  test('that a crash cut off at any write is refused, and the node behind it goes on', async () => {
    let unfinished = 0
    for (let change = 1; change <= 40; change += 3) {
      const sim = createSim({ seed: change, faults: { sectorLossChance: 0.3 } })
      const source = createScriptedFlow()
      const file = openFile(makeFile(2 * segmentBytes + 9))
      source.submit(file.tree)
      const open = (env: Env, disk = env.disk) => openStorageNode({ env, disk, source, flowAddress, chainId })
      const ask = async (node: Awaited<ReturnType<typeof open>>, method: string, ...params: unknown[]) => {
        const context = { signal: new AbortController().signal, origin: undefined }
        const answer = await node.methods[method]!(params, context)
        return 'result' in answer ? answer.result : answer.fault
      }
      const first = sim.boot('node')
      const story = async (): Promise<void> => {
        const node = await open(first)
        while (node.flow.count() === 0) await first.clock.sleep(10)
        for (let index = 0; index < 3; index++) await ask(node, 'zgs_uploadSegmentByTxSeq', file.segment(index), 0)
        sim.disk('node').crashAtChange(change)
        await ask(node, 'admin_createSnapshot', 's')
        await first.clock.sleep(60_000)
      }
      await sim.run(Promise.race([story(), sim.whenDown('node')]))
      sim.disk('node').crashAtChange(0)
      sim.crash('node')
      const env = sim.boot('node')
      const after = async (): Promise<void> => {
        const node = await open(env)
        assert.equal(await ask(node, 'zgs_checkFileFinalized', 0), true)
        const disk = env.disk.folder('snapshots/s')
        const mark = await readMark(disk)
        if (mark?.isWhole) {
          const copy = await open(env, disk)
          assert.equal(await ask(copy, 'zgs_checkFileFinalized', 0), true)
          await copy.close()
        } else {
          unfinished++
          if (mark) await assert.rejects(open(env, disk), SnapshotUnfinishedError)
          await ask(node, 'admin_createSnapshot', 's')
          while (((await ask(node, 'admin_getSnapshot', 's')) as SnapshotJson).state === 'running')
            await env.clock.sleep(100)
          assert.equal(((await ask(node, 'admin_getSnapshot', 's')) as SnapshotJson).state, 'complete')
        }
        await node.close()
      }
      await sim.run(after())
    }
    assert.ok(unfinished > 3, `${unfinished} were cut off`)
  })
})
