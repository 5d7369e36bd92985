/** A coded file whose payment runs out: holders let go of its rows, the gateway of its placement, and it can be stored anew. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { segmentBytes } from '@weightless/crypto'
import { startCodedNetwork } from '../testing/codedNetwork.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from '../testing/storageClient.ts'
import type { FileInfoJson } from '../wire/index.ts'
import { startHolder } from './startHolder.ts'

const prune = { graceMs: 1_000, checkMs: 25 }

describe('expired files in coded storage', () => {
  test('leave every holder and the registry, others stay, and come back when they are paid anew', async () => {
    await withEnv(async (world) => {
      const { source, gateway, holders } = await startCodedNetwork(world, 6, {}, prune)
      const [file, other] = [openFile(makeFile(9 * segmentBytes + 5)), openFile(makeFile(40_000))]
      const store = async (each: typeof file, paidUntilMs: number): Promise<number> => {
        const seq = source.submit(each.tree)
        source.payUntil(seq, paidUntilMs)
        const segments = Array.from({ length: each.tree.shape.segments }, (_, index) => each.segment(index))
        await until('seen', async () => (await rpc(gateway.url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
        assert.equal((await rpc(gateway.url, 'zgs_uploadSegmentsByTxSeq', segments, seq)).error, undefined)
        await until('final', async () => (await rpc(gateway.url, 'zgs_checkFileFinalized', seq)).result === true)
        return seq
      }
      const heldBytes = () => holders.reduce((sum, { holder }) => sum + holder.fragments.records.sizes().liveBytes, 0)
      const placements = async () => (await (await fetch(`${gateway.url}/placement/${file.root}`)).json()) as unknown[]

      const kept = await store(other, 9e12)
      const small = heldBytes()
      const seq = await store(file, 20_000)
      assert.ok(heldBytes() > small + 1.4 * file.bytes.length)
      source.setTime(21_000)
      await until('pruned at the gateway', async () => {
        const { result } = await rpc(gateway.url, 'zgs_getFileInfoByTxSeq', seq)
        return (result as FileInfoJson).pruned
      })
      await until('rows released', () => heldBytes() === small)
      assert.deepEqual(await placements(), [])
      for (const { holder } of holders) assert.deepEqual(holder.placements.find(file.root), [])
      assert.equal((await fetch(`${gateway.url}/file/${file.root}`)).status, 404)
      // Nobody takes the holders' silence for a loss.
      await new Promise((resolve) => setTimeout(resolve, 300))
      assert.equal(heldBytes(), small)
      for (const { holder } of holders) assert.equal(holder.repair.stats().waiting, 0)
      assert.equal((await rpc(gateway.url, 'zgs_checkFileFinalized', kept)).result, true)

      await store(file, 9e12)
      const bytes = Buffer.from(await (await fetch(`${gateway.url}/file/${file.root}`)).arrayBuffer())
      assert.ok(bytes.equals(file.bytes))
      assert.equal((await placements()).length, 1)
    })
  })

  test('a holder that is given another shard removes uploads of the old one', async () => {
    await withEnv(async ({ env, openAgain, keep }) => {
      const source = createScriptedFlow()
      const secretKey = new Uint8Array(32).fill(9)
      const base = { source, flowAddress, chainId, port: 0, secretKey, indexerUrls: [], prune }
      const first = await keep(startHolder({ ...base, env, shard: { numShard: 1, shardId: 0 } }))
      const file = openFile(makeFile(6 * segmentBytes))
      source.submit(file.tree)
      await until('seen', async () => (await rpc(first.url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
      for (let index = 0; index < 6; index++) await rpc(first.url, 'zgs_uploadSegmentByTxSeq', file.segment(index), 0)
      assert.equal((await rpc(first.url, 'zgs_checkFileFinalized', 0)).result, true)
      await first.close()
      const shard = { numShard: 2, shardId: 1 }
      const again = await keep(startHolder({ ...base, env: openAgain(), shard }))
      const start = source.events()[0]!.startSector / 1024
      await until('tidy', async () => {
        const kept: number[] = []
        for (let index = 0; index < 6; index++) {
          const { result } = await rpc(again.url, 'zgs_downloadSegmentWithProofByTxSeq', 0, index)
          if (result !== null) kept.push((start + index) % 2)
        }
        return kept.join() === '1,1,1'
      })
      assert.equal((await rpc(again.url, 'zgs_checkFileFinalized', 0)).result, true)
    })
  })
})
