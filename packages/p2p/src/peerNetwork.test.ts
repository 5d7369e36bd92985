import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import type { SignedPlacement } from '@weightless/storage/wire'
import { PeerListenError, PeerRecordError } from './openPeerNetwork.ts'
import type { PeerNetwork } from './peerNetwork.ts'
import { createTestPeers, identity, makePlacement, makeRecord, randomRoot, until } from './testing/openTestPeers.ts'

describe('peers on loopback', () => {
  const peers = createTestPeers()
  afterEach(() => peers.close())

  const openMany = async (count: number): Promise<PeerNetwork[]> => {
    const first = await peers.open()
    const rest = await Promise.all(
      Array.from({ length: count - 1 }, () => peers.open({ bootstrap: first.addresses() })),
    )
    await until(() => [first, ...rest].every((node) => node.nodes().length === count - 1), 'everybody knows everybody')
    return [first, ...rest]
  }

  it('know each other, and find who holds a root, with the hops', async () => {
    const [first, holder, third, fourth] = await openMany(4)
    const root = randomRoot()
    holder!.provide(root)
    await until(() => holder!.status().rootsWaiting === 0, 'the root is told')
    assert.equal(third!.status().recordsKept, 1)
    const cold = await peers.open({ bootstrap: first!.addresses() })
    const hops: unknown[] = []
    const found = await cold.findHolders(root, { onHop: (hop) => hops.push(hop) })
    assert.deepEqual(
      found.nodes.map(({ nodeId }) => nodeId),
      [holder!.nodeId],
    )
    assert.deepEqual(found.hops, hops)
    assert.ok(found.depth >= 1)
    const [hop] = found.hops.filter(({ outcome }) => outcome === 'holders')
    assert.ok([first, holder, third, fourth].some((node) => node!.nodeId === hop!.asked))
  })

  it('tell a newcomer what it should keep, and take back what they no longer hold', async () => {
    const [first, holder] = await openMany(2)
    const roots = Array.from({ length: 1_500 }, randomRoot)
    for (const root of roots) holder!.provide(root)
    await until(() => first!.status().recordsKept === roots.length, 'all roots arrive in batches')
    const newcomer = await peers.open({ bootstrap: first!.addresses() })
    await until(() => newcomer.status().recordsKept === roots.length, 'the newcomer is told')
    for (const root of roots.slice(1)) holder!.unprovide(root)
    await until(() => newcomer.status().recordsKept === 1, 'the newcomer is told what is gone')
    const { nodes } = await newcomer.findHolders(roots[7]!, { timeoutMs: 500 })
    assert.deepEqual(nodes, [])
  })

  it('answer with a placement, or say that they know none', async () => {
    const root = randomRoot()
    const placement = makePlacement(root)
    const first = await peers.open({ placementOf: async (asked) => (asked === root ? placement : undefined) })
    const second = await peers.open({ bootstrap: first.addresses() })
    await until(() => second.peers().length === 1, 'connected')
    const answer = await second.askPlacement(first.nodeId, root)
    assert.ok(answer.ok)
    assert.deepEqual(answer.value, placement)
    const unknown = await second.askPlacement(first.nodeId, randomRoot())
    assert.deepEqual(unknown, { ok: false, code: 'unknown', action: 'ignore' })
  })

  it('refuse to answer one who asks too often', async () => {
    const first = await peers.open()
    const second = await peers.open({ bootstrap: first.addresses() })
    await until(() => second.peers().length === 1, 'connected')
    const codes = new Set<string>()
    for (let i = 0; i < 130; i++) {
      const answer = await second.askPlacement(first.nodeId, randomRoot())
      if (!answer.ok) codes.add(answer.code)
    }
    assert.deepEqual([...codes], ['unknown', 'rate-limited'])
  })

  it('announce placements to all, and new files to neighbours', async () => {
    const [first, second, third] = await openMany(3)
    const placement = makePlacement(randomRoot())
    const heard: [SignedPlacement, string][] = []
    third!.onGossip('placement', (payload, from) => heard.push([payload, from]))
    // The mesh of a topic forms with the first heartbeats.
    await until(async () => {
      if (heard.length === 0) await first!.publish('placement', placement)
      return heard.length > 0
    }, 'heard')
    assert.deepEqual(heard[0], [placement, first!.nodeId])
    const files: string[] = []
    second!.onGossip('file-new', ({ root }) => files.push(root))
    const root = randomRoot()
    await first!.publish('file-new', { root, txSeq: 7, nodeId: first!.nodeId })
    await until(() => files.includes(root), 'the neighbour hears of the file')
  })

  it('drop a node of another chain, and are dropped by it', async () => {
    const first = await peers.open()
    const stranger = await peers.open({ bootstrap: first.addresses(), identity: { ...identity, chainId: 5 } })
    await until(() => first.isRefused(stranger.nodeId) && stranger.isRefused(first.nodeId), 'both refuse')
    await until(() => first.peers().length === 0, 'no connection stays')
    assert.deepEqual(first.nodes(), [])
  })

  it('drop a peer that serves bad bytes, and refuse it when it comes back', async () => {
    const [first, second] = await openMany(2)
    first!.report(second!.nodeId, 'bytes-wrong')
    first!.report(second!.nodeId, 'bytes-wrong')
    assert.equal(first!.isRefused(second!.nodeId), false)
    first!.report(second!.nodeId, 'bytes-wrong')
    assert.equal(first!.isRefused(second!.nodeId), true)
    await until(() => first!.peers().length === 0, 'dropped')
    assert.deepEqual(first!.nodes(), [])
    const answer = await first!.askPlacement(second!.nodeId, randomRoot())
    assert.equal(answer.ok || answer.code, 'unreachable')
    await until(async () => (await second!.askPlacement(first!.nodeId, randomRoot())).ok === false, 'it cannot ask')
    assert.equal(first!.peers().length, 0)
  })

  it('say which port cannot be opened, and whose record is wrong', async () => {
    const first = await peers.open()
    const port = Number(/tcp\/(\d+)/.exec(first.addresses()[0]!)![1])
    await assert.rejects(peers.open({ listen: port }), PeerListenError)
    const foreign = (addresses: readonly string[]) => makeRecord(new Uint8Array(32).fill(1), addresses, identity)
    const stray = await peers.open({ record: foreign }).then(
      (node) => node.close().then(() => 'opened'),
      (fault: unknown) => fault,
    )
    assert.ok(stray instanceof PeerRecordError)
  })
})
