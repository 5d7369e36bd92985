/** Whole files through a gateway to coded storage and back: final only when signed, freed, decoded on loss, safe in crashes. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { segmentBytes } from '@weightless/crypto'
import { startStorage } from '../index.ts'
import { startCodedNetwork } from '../testing/codedNetwork.ts'
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
import type { FileInfoJson, SignedPlacement } from '../wire/index.ts'

async function upload(url: string, file: TestFile, seq: number): Promise<void> {
  await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result !== null)
  for (let index = 0; index < file.tree.shape.segments; index++) {
    assert.equal((await rpc(url, 'zgs_uploadSegmentsByTxSeq', [file.segment(index)], seq)).error, undefined)
  }
}

const isFinal = async (url: string, seq: number) =>
  ((await rpc(url, 'zgs_getFileInfoByTxSeq', seq)).result as FileInfoJson).finalized

async function download(url: string, file: TestFile, seq: number): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let start = 0; start < file.tree.shape.sectors; start += 1024) {
    const end = Math.min(start + 1024, file.tree.shape.sectors)
    const { result } = await rpc(url, 'zgs_downloadSegmentByTxSeq', seq, start, end)
    parts.push(Buffer.from(result as string, 'base64'))
  }
  return Buffer.concat(parts).subarray(0, file.bytes.length)
}

describe('a gateway to coded storage', () => {
  test('files of boundary sizes are coded, final, freed, and come back, also without two of six holders', async () => {
    await withEnv(async (world) => {
      const { source, gateway, holders } = await startCodedNetwork(world)
      const { url } = gateway
      const sizes = [1, 255, 257, segmentBytes - 1, segmentBytes + 1, 3 * segmentBytes + 77, 9 * segmentBytes]
      const files = sizes.map((size) => openFile(makeFile(size)))
      for (const [seq, file] of files.entries()) {
        source.submit(file.tree)
        await upload(url, file, seq)
        await until('final', () => isFinal(url, seq))
        const [placement] = (await (await fetch(`${url}/placement/${file.root}`)).json()) as SignedPlacement[]
        assert.deepEqual([placement!.dataRows, placement!.parityRows], [4, 2])
        assert.ok(placement!.signatures.every((signature) => signature !== null))
      }
      const check = async () => {
        for (const [seq, file] of files.entries()) {
          assert.ok((await download(url, file, seq)).equals(file.bytes), `${file.bytes.length} by segments`)
          const whole = await fetch(`${url}/file/${file.root}`)
          assert.ok(Buffer.from(await whole.arrayBuffer()).equals(file.bytes), `${file.bytes.length} as a file`)
          const last = file.tree.shape.segments - 1
          assert.deepEqual((await rpc(url, 'zgs_downloadSegmentWithProof', file.root, last)).result, file.segment(last))
        }
      }
      await check()
      const range = await fetch(`${url}/file/${files[5]!.root}`, { headers: { range: 'bytes=262100-524400' } })
      assert.ok(Buffer.from(await range.arrayBuffer()).equals(files[5]!.bytes.subarray(262_100, 524_401)))
      for (const file of files) {
        const placed = ({ holder }: (typeof holders)[number]) => holder.placements.find(file.root).length === 1
        await until('every holder keeps the placement', () => holders.every(placed))
      }
      const { result } = await rpc(url, 'indexer_getFileLocations', files[0]!.root)
      assert.deepEqual(
        (result as { url: string; config: unknown }[]).map(({ config }) => config),
        [{ shardId: 0, numShard: 1 }],
      )
      await holders[1]!.close()
      await holders[2]!.close()
      await check()
      // Nothing was kept in the spool: without a third holder the bytes are gone.
      await holders[4]!.close()
      const gone = await rpc(url, 'zgs_downloadSegmentByTxSeq', 6, 1024, 2048)
      assert.ok(gone.error, 'a freed spool served a segment')
    })
  })

  test('a file complete in the spool is spread after a restart', async () => {
    await withEnv(async (world) => {
      const { env, keep } = world
      const lonely = { env, disk: env.disk.folder('gateway'), flowAddress, chainId, port: 0 }
      const network = await startCodedNetwork(world, 6, { nodesExpected: 7 })
      const file = openFile(makeFile(5 * segmentBytes + 3))
      network.source.submit(file.tree)
      await upload(network.gateway.url, file, 0)
      assert.equal(await isFinal(network.gateway.url, 0), false)
      assert.ok((await download(network.gateway.url, file, 0)).equals(file.bytes))
      const port = Number(new URL(network.gateway.url).port)
      await network.gateway.close()
      const again = await keep(startStorage({ ...lonely, source: network.source, port, coded: { nodesExpected: 6 } }))
      await until('final', () => isFinal(again.url, 0))
      assert.ok((await download(again.url, file, 0)).equals(file.bytes))
    })
  })
})
