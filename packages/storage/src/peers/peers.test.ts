/** Coded storage among peers: holders provide what they hold, an indexer that was told nothing finds it, liars lose trust. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { segmentBytes } from '@weightless/crypto'
import { startHolder, startStorage } from '../index.ts'
import { createScriptedFlow } from '../testing/scriptedFlow.ts'
import { chainId, flowAddress, makeFile, openFile, rpc, until, type World, withEnv } from '../testing/storageClient.ts'
import type { FileInfoJson, FileLocation, NodeStatusJson, StatusJson } from '../wire/index.ts'

const redundancy = { dataRows: 2, parityRows: 1 }

async function startPeers({ env, keep }: Pick<World, 'env' | 'keep'>) {
  const source = createScriptedFlow()
  const shared = { env, source, flowAddress, chainId, port: 0 }
  const gateway = await keep(
    startStorage({
      ...shared,
      disk: env.disk.folder('gateway'),
      coded: { nodesExpected: 3, redundancy },
      p2p: { listen: 0, bootstrap: [] },
    }),
  )
  const p2p = { listen: 0, bootstrap: gateway.network!.addresses() }
  const holders = await Promise.all(
    [0, 1, 2].map((index) =>
      keep(
        startHolder({
          ...{ ...shared, p2p, indexerUrls: [], announceMs: 250, disk: env.disk.folder(`holder-${index}`) },
          secretKey: new Uint8Array(32).fill(index + 1),
          shard: index < 2 ? { numShard: 2, shardId: index } : null,
        }),
      ),
    ),
  )
  return { source, gateway, holders, p2p, shared }
}

const locate = async (url: string, root: string): Promise<FileLocation> =>
  (await (await fetch(`${url}/locate/${root}`)).json()) as FileLocation

describe('storage nodes among peers', () => {
  test('nodes are known by gossip alone, and a file is found by an indexer that was told nothing', async () => {
    await withEnv(async (world) => {
      const { source, gateway, holders, p2p, shared } = await startPeers(world)
      const { url } = gateway
      const ids = holders.map(({ nodeId }) => nodeId).sort()
      await until('nodes known', async () => ((await (await fetch(`${url}/nodes`)).json()) as unknown[]).length === 3)
      const file = openFile(makeFile(3 * segmentBytes + 77))
      source.submit(file.tree)
      await until('seen', async () => (await rpc(url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
      for (let index = 0; index < file.tree.shape.segments; index++) {
        assert.equal((await rpc(url, 'zgs_uploadSegmentsByTxSeq', [file.segment(index)], 0)).error, undefined)
      }
      await until('final', async () => ((await rpc(url, 'zgs_getFileInfoByTxSeq', 0)).result as FileInfoJson).finalized)
      await until('provided', async () => holders.every(({ network }) => network!.status().rootsProvided === 1))
      await until('told', async () => holders.every(({ network }) => network!.status().rootsWaiting === 0))

      const disk = world.env.disk.folder('stranger')
      const stranger = await world.keep(startStorage({ ...shared, disk, coded: { redundancy }, p2p }))
      await until('the stranger knows nodes', async () => stranger.network!.nodes().length === 3)
      const found = await locate(stranger.url, file.root)
      assert.deepEqual(found.placements, (await locate(url, file.root)).placements)
      assert.deepEqual(found.nodes.map(({ nodeId }) => nodeId).sort(), ids)
      await until('seen', async () => (await rpc(stranger.url, 'zgs_getFileInfoByTxSeq', 0)).result !== null)
      const whole = await fetch(`${stranger.url}/file/${file.root}`)
      assert.ok(Buffer.from(await whole.arrayBuffer()).equals(file.bytes))
      const nothing = await locate(stranger.url, `0x${'77'.repeat(32)}`)
      assert.deepEqual(nothing, { placements: [], nodes: [] })

      stranger.network!.report(ids[0]!, 'bytes-wrong')
      stranger.network!.report(ids[0]!, 'bytes-wrong')
      stranger.network!.report(ids[0]!, 'bytes-wrong')
      const trusted = (await locate(stranger.url, file.root)).nodes.map(({ nodeId }) => nodeId)
      assert.deepEqual(trusted.sort(), ids.slice(1))
    })
  })

  test('operators are told the truth about peers', async () => {
    await withEnv(async (world) => {
      const { gateway, holders } = await startPeers(world)
      const { url, network } = gateway
      await until('connected', async () => network!.peers().length === 3)
      const status = (await rpc(url, 'zgs_getStatus')).result as StatusJson
      assert.equal(status.connectedPeers, 3)
      await until('all connected', async () => holders.every((holder) => holder.network!.peers().length === 3))
      const statusOf = async (nodeUrl: string) =>
        (await (await fetch(`${nodeUrl}/node/status`)).json()) as NodeStatusJson
      for (const holder of holders) {
        await until('others known', async () => (await statusOf(holder.url)).peers?.known === 2)
        const own = await statusOf(holder.url)
        assert.deepEqual(own, { nodeId: holder.nodeId, peers: { connected: 3, known: 2 }, mining: null })
        assert.equal(((await rpc(holder.url, 'zgs_getStatus')).result as StatusJson).connectedPeers, 3)
        const info = (await rpc(holder.url, 'admin_getNetworkInfo')).result as { peerId: string }
        assert.equal(info.peerId, holder.network!.status().peerId)
      }
      const info = (await rpc(url, 'admin_getNetworkInfo')).result as { [name: string]: unknown }
      assert.equal(info.peerId, network!.status().peerId)
      assert.deepEqual(
        [info.connectedPeers, info.connectedIncomingPeers, info.connectedOutgoingPeers, info.bannedPeers],
        [3, network!.status().connectedInbound, network!.status().connectedOutbound, 0],
      )
      const peers = (await rpc(url, 'admin_getPeers')).result as {
        [peerId: string]: { nodeId: string; seenIps: string[] }
      }
      assert.deepEqual(Object.keys(peers).sort(), holders.map((holder) => holder.network!.status().peerId).sort())
      assert.ok(Object.values(peers).every(({ seenIps }) => seenIps[0] === '127.0.0.1'))
      const foreign = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', origin: 'https://elsewhere.example' },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'admin_getPeers', params: [] }),
      })
      assert.ok(((await foreign.json()) as { error?: unknown }).error)
    })
  })
})
