/** A holder spoken to as a sharded node of the network: finality, downloads and uploads end at its own shard. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { codeFile } from '../testing/codedFile.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from '../testing/storageClient.ts'
import type { FileInfoJson, SegmentWithProofJson } from '../wire/index.ts'
import { startHolder } from './startHolder.ts'

const secretKey = new Uint8Array(32).fill(9)
/** Two stripes at 4+2; the first segment of the flow is numbered 1, because sector 0 is reserved. */
const file = openFile(makeFile(6 * 262_144 + 5_000))
const coded = codeFile(file.bytes, file.tree, { dataRows: 4, parityRows: 2 })
const tiny = openFile(makeFile(1_000))

describe('the shard view of a holder', () => {
  test('says final for its shard, serves its own segments, takes them one by one, and no others', async () => {
    await withEnv(async ({ env, keep }) => {
      const source = createScriptedFlow()
      const seq = source.submit(file.tree)
      const startSegment = source.events()[seq]!.startSector / 1024
      const shardId = (startSegment + 2) % 4
      const base = { env, source, flowAddress, chainId, port: 0, indexerUrls: [], shard: { numShard: 4, shardId } }
      const one = await keep(startHolder({ ...base, secretKey, disk: env.disk.folder('one') }))
      await until('seen', async () => (await rpc(one.url, 'zgs_getFileInfo', file.root, true)).result !== null)
      assert.deepEqual((await rpc(one.url, 'zgs_getShardConfig')).result, { shardId, numShard: 4 })
      const isFinal = async () =>
        ((await rpc(one.url, 'zgs_getFileInfo', file.root, true)).result as FileInfoJson).finalized
      assert.equal(await isFinal(), false)
      const stored = await fetch(`${one.url}/fragments/${file.root}`, {
        method: 'POST',
        body: coded.body(2) as BodyInit,
      })
      assert.equal(stored.status, 200)
      assert.equal(await isFinal(), true)
      const proved = (await rpc(one.url, 'zgs_downloadSegmentWithProof', file.root, 6)).result as SegmentWithProofJson
      assert.deepEqual(proved, file.segment(6))
      assert.equal((await rpc(one.url, 'zgs_downloadSegmentWithProof', file.root, 0)).result, null)

      const other = await keep(
        startHolder({ ...base, secretKey: secretKey.map((b) => b + 1), disk: env.disk.folder('b') }),
      )
      await until('seen', async () => (await rpc(other.url, 'zgs_getFileInfo', file.root, true)).result !== null)
      const foreign = await rpc(other.url, 'zgs_uploadSegmentByTxSeq', file.segment(0), seq)
      assert.equal(foreign.error?.data, 'segment belongs to another shard')
      for (const index of [2, 6]) {
        assert.equal((await rpc(other.url, 'zgs_checkFileFinalized', seq)).result, false)
        assert.equal((await rpc(other.url, 'zgs_uploadSegmentsByTxSeq', [file.segment(index)], seq)).result, 0)
      }
      assert.equal((await rpc(other.url, 'zgs_checkFileFinalized', seq)).result, true)
      assert.deepEqual((await rpc(other.url, 'zgs_downloadSegmentWithProof', file.root, 6)).result, file.segment(6))

      // Nothing of this file lies in the shard, unless it begins there.
      const small = source.submit(tiny.tree)
      await until('seen', async () => (await rpc(one.url, 'zgs_getFileInfoByTxSeq', small)).result !== null)
      const isOwn = Math.floor(source.events()[small]!.startSector / 1024) % 4 === shardId
      assert.equal((await rpc(one.url, 'zgs_checkFileFinalized', small)).result, !isOwn)
      assert.equal((await rpc(one.url, 'admin_getSyncStatus', seq)).result, 'Completed')
      assert.equal((await rpc(one.url, 'admin_shutdown')).error?.message, 'this node is not to be ended from outside')
    })
  })
})
