/** Segments of the flow as a node holds them, seen through the debugging methods, beside roots that the flow tree gives. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { buildTree, keccak256, segmentBytes } from '@weightless/crypto'
import { startStorageNode } from '../index.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, withEnv } from '../testing/storageClient.ts'

/** Root of 1,024 sectors of plain bytes. */
function rootOf(bytes: Uint8Array): string {
  const leaves = new Uint8Array(32 * 1024)
  for (let at = 0; at < 1024; at++) leaves.set(keccak256(bytes.subarray(256 * at, 256 * (at + 1))), 32 * at)
  return bytesToHex(buildTree(leaves).levels.at(-1)!)
}

test('a segment of the flow is told by its root, its bytes and what lies in it', async () => {
  await withEnv(async ({ env, keep }) => {
    const source = createScriptedFlow()
    const { url } = await keep(startStorageNode({ flowAddress, chainId, port: 0, env, source }))
    const [small, large] = [openFile(makeFile(700)), openFile(makeFile(3 * segmentBytes + 9))]
    for (const { tree } of [small, large]) source.submit(tree)
    await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 1)).result !== null)
    const ask = async (what: string, index: unknown) => (await rpc(url, `zgs_get${what}AtNodeIndex`, index)).result
    const data = async (index: number) => (await rpc(url, 'zgs_getDataByNodeIndex', index)).result as number[][] | null
    const first = source.events()[1]!.startSector / 1024
    assert.equal(await data(0), null)
    assert.equal(await data(first), null)
    assert.equal(await ask('Hash', first), null, 'inside a tree whose content is not here')
    await rpc(url, 'zgs_uploadSegmentByTxSeq', small.segment(0), 0)
    for (let index = 0; index < 4; index++) await rpc(url, 'zgs_uploadSegmentByTxSeq', large.segment(index), 1)
    const zero = (await data(0))!
    assert.deepEqual([zero.length, zero[0]!.length], [1024, 256])
    const [event] = source.events()
    assert.deepEqual(zero[event!.startSector], [...small.bytes.subarray(0, 256)])
    for (let index = 0; index < 3; index++) {
      const bytes = new Uint8Array((await data(first + index))!.flat())
      assert.deepEqual(bytes, new Uint8Array(large.bytes.subarray(index * segmentBytes, (index + 1) * segmentBytes)))
      assert.equal(await ask('Hash', first + index), rootOf(bytes))
    }
    const meta = (await rpc(url, 'zgs_getMetaDataByNodeIndex', first)).result
    assert.equal(
      meta,
      `segment ${first}, sectors ${first * 1024} to ${first * 1024 + 1023}, submissions [1], data sectors 1024, stored`,
    )
    assert.equal(await data(99), null)
    assert.equal(await ask('Hash', 99), null)
    assert.equal((await rpc(url, 'zgs_getMetaDataByNodeIndex', 99)).result, 'no such segment in the flow')
    assert.equal((await rpc(url, 'zgs_getDataByNodeIndex', 'x')).error?.code, -32602)
    assert.equal((await rpc(url, 'miner_start')).result, false)
    assert.equal((await rpc(url, 'miner_setStartPosition', -1)).error?.code, -32602)
  })
})
