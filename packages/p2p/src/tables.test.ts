import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { damaged, damagedJson, fuzzRuns } from '@weightless/codec/testing/fuzz'
import type { Clock } from '@weightless/env'
import fc from 'fast-check'
import { decodeEnvelope, encodeEnvelope } from './gossipEnvelope.ts'
import { createJudges } from './judgePayloads.ts'
import { firstBits, nearest, regionsOf } from './kademliaPlaces.ts'
import { createNodeView } from './nodeView.ts'
import { PeerDatastore } from './peerDatastore.ts'
import { cidOf, compareDistance, nodeIdOf, peerIdOf, placeOfPeer, placeOfRoot } from './peerNames.ts'
import { createPeerScores } from './peerScores.ts'
import { createProviderTable } from './providerTable.ts'
import { announcedRootsMax, decodeAnnouncement, encodeAnnouncement } from './questions.ts'
import { createRateLimits } from './rateLimits.ts'
import { env, identity, makePlacement, makeRecord, randomRoot } from './testing/openTestPeers.ts'

const steppedClock = () => {
  let nowMs = 1_000_000
  const clock: Clock = { nowMs: () => nowMs, monotonicMs: () => nowMs, sleep: async () => undefined }
  const step = (ms: number): void => {
    nowMs += ms
  }
  return { clock, step }
}
const node = (seed: number) => makeRecord(new Uint8Array(32).fill(seed), [], identity).nodeId

describe('the provider table', () => {
  it('lets the node with the most records lose its own when it is full', () => {
    const table = createProviderTable(steppedClock().clock, { recordsMax: 100 })
    const [modest, greedy] = [node(1), node(2)]
    const roots = Array.from({ length: 10 }, randomRoot)
    for (const root of roots) table.add(root, modest)
    for (let i = 0; i < 1_000; i++) table.add(randomRoot(), greedy)
    assert.equal(table.size(), 100)
    for (const root of roots) assert.deepEqual(table.holders(root), [modest])
  })

  it('forgets what was not said again for a day', () => {
    const { clock, step } = steppedClock()
    const table = createProviderTable(clock)
    const [first, second] = [randomRoot(), randomRoot()]
    table.add(first, node(1))
    table.add(second, node(1))
    step(80_000_000)
    table.add(first, node(1))
    step(10_000_000)
    assert.deepEqual(table.holders(second), [])
    assert.equal(table.size(), 2)
    table.prune()
    assert.equal(table.size(), 1)
    assert.deepEqual(table.holders(first), [node(1)])
  })

  it('keeps at most 64 holders of one root, the newest', () => {
    const table = createProviderTable(steppedClock().clock)
    const root = randomRoot()
    const nodes = Array.from({ length: 70 }, (_, i) => node(i + 1))
    for (const nodeId of nodes) table.add(root, nodeId)
    assert.deepEqual(table.holders(root), nodes.slice(6))
  })

  it('shows the DHT only holders that it can describe', async () => {
    const table = createProviderTable(steppedClock().clock)
    const self = peerIdOf(node(1))
    const store = new PeerDatastore(self, table)
    const root = randomRoot()
    table.add(root, node(1))
    table.add(root, node(2))
    const { Key } = await import('interface-datastore')
    const { base32 } = await import('multiformats/bases/base32')
    const prefix = `/dht/provider/${base32.baseEncode(cidOf(root).multihash.bytes)}`
    const list = async () => (await Array.fromAsync(store.query({ prefix }))).map(({ key }) => key.toString())
    assert.deepEqual(await list(), [])
    store.put(new Key(`/peers/${peerIdOf(node(2)).toCID()}`), new Uint8Array([1]))
    assert.deepEqual(await list(), [`${prefix}/${peerIdOf(node(2))}`])
    store.put(new Key(`${prefix}/${peerIdOf(node(3))}`), new Uint8Array([1]))
    assert.deepEqual(table.holders(root), [node(1), node(2), node(3)])
    store.put(new Key('/dht/provider/nonsense/nobody'), new Uint8Array([1]))
    assert.equal(table.size(), 3)
  })
})

describe('scores', () => {
  it('fade, refuse for ten minutes, and then give half a chance', () => {
    const { clock, step } = steppedClock()
    const dropped: string[] = []
    const scores = createPeerScores(clock, (nodeId) => dropped.push(nodeId))
    const peer = node(1)
    scores.report(peer, 'bytes-wrong')
    scores.report(peer, 'bytes-wrong')
    step(4 * 60_000)
    assert.equal(scores.score(peer), -40)
    scores.report(peer, 'bytes-wrong')
    assert.equal(scores.isRefused(peer), false)
    scores.report(peer, 'bytes-wrong')
    assert.deepEqual([dropped, scores.refused(), scores.score(peer)], [[peer], 1, -100])
    step(600_001)
    assert.deepEqual([scores.isRefused(peer), scores.score(peer)], [false, -50])
    scores.report(peer, 'bytes-wrong')
    scores.report(peer, 'bytes-wrong')
    assert.equal(scores.isRefused(peer), true)
  })

  it('never count a moment of silence as a lie', () => {
    const { clock, step } = steppedClock()
    const scores = createPeerScores(clock, () => assert.fail('refused'))
    for (let i = 0; i < 1_000; i++) {
      scores.report(node(1), 'no-answer')
      step(6_000)
    }
  })

  it('rates are counted for each peer and each question apart', () => {
    const { clock, step } = steppedClock()
    const limits = createRateLimits(clock)
    const ask = (seed: number, what: string) => limits.admit(node(seed), what, { count: 2, windowMs: 1_000 })
    assert.deepEqual([ask(1, 'a'), ask(1, 'a'), ask(1, 'a'), ask(1, 'b'), ask(2, 'a')], [true, true, false, true, true])
    step(1_000)
    assert.equal(ask(1, 'a'), true)
  })
})

describe('places', () => {
  it('give the nearest nodes as whole comparisons do', () => {
    const peers = Array.from({ length: 200 }, (_, i) => node(i + 1))
    const places = new Map(peers.map((nodeId) => [nodeId, placeOfPeer(peerIdOf(nodeId))]))
    const placed = peers.map((nodeId) => ({ nodeId, bits: firstBits(places.get(nodeId)!) }))
    for (let i = 0; i < 50; i++) {
      const place = placeOfRoot(randomRoot())
      const expected = [...peers].sort((a, b) => compareDistance(place, places.get(a)!, places.get(b)!)).slice(0, 20)
      assert.deepEqual(new Set(nearest(placed, firstBits(place), 20)), new Set(expected))
    }
  })

  it('fall into as many regions as there are neighbourhoods, each root once', () => {
    const roots = Array.from({ length: 500 }, () => ({ root: randomRoot(), bits: 0 }))
    for (const placed of roots) placed.bits = firstBits(placeOfRoot(placed.root))
    assert.equal(regionsOf(roots, 6, 20).length, 1)
    const regions = regionsOf(roots, 100, 20)
    assert.equal(regions.length, 4)
    assert.equal(new Set(regions.flatMap((region) => region.roots)).size, 500)
  })

  it('names go there and back', () => {
    assert.equal(nodeIdOf(peerIdOf(node(9))), node(9))
  })
})

describe('bytes of strangers', () => {
  it('that were changed on the way are no announcement of anybody', () => {
    const view = createNodeView(env.clock, identity, node(1))
    const judges = createJudges(view, identity)
    const record = makeRecord(new Uint8Array(32).fill(2), [], identity)
    const placement = JSON.parse(JSON.stringify(makePlacement(randomRoot()))) as { signatures: unknown }
    const file = { root: randomRoot(), txSeq: 5, nodeId: record.nodeId }
    fc.assert(
      fc.property(damagedJson(record), damagedJson(placement), damagedJson(file), (one, two, three) => {
        for (const topic of ['node-record', 'shard-change'] as const) {
          const verdict = judges[topic](one, record.nodeId)
          if (verdict.ok) assert.deepEqual(verdict.value, record)
        }
        const placed = judges.placement(two, record.nodeId)
        if (placed.ok) assert.deepEqual({ ...placed.value, signatures: 0 }, { ...placement, signatures: 0 })
        const told = judges['file-new'](three, record.nodeId)
        if (told.ok) assert.ok(told.value.nodeId === record.nodeId && /^0x[0-9a-f]{64}$/.test(told.value.root))
      }),
      fuzzRuns(300),
    )
    const sent = encodeEnvelope(placement, 1_000_000)
    fc.assert(
      fc.property(damaged(sent), (bytes) => {
        const read = decodeEnvelope(bytes, sent.length, 1_000_000)
        if (!read.ok) return
        const judged = judges.placement(read.value, record.nodeId)
        if (judged.ok) assert.deepEqual({ ...judged.value, signatures: 0 }, { ...placement, signatures: 0 })
      }),
      fuzzRuns(400),
    )
    fc.assert(
      fc.property(damaged(encodeAnnouncement({ isWithdrawn: false, roots: [randomRoot(), randomRoot()] })), (bytes) => {
        const read = decodeAnnouncement(bytes)
        if (read.ok) assert.deepEqual(encodeAnnouncement(read.value), bytes)
      }),
      fuzzRuns(200),
    )
  })

  it('never throw', () => {
    const view = createNodeView(env.clock, identity, node(1))
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeEnvelope(bytes, 150, 1_000_000)
        decodeAnnouncement(bytes)
      }),
    )
    fc.assert(fc.property(fc.anything(), (json) => assert.equal(view.admit(json).ok, false)))
  })

  it('announcements come back as they were sent, and only within their bounds', () => {
    const roots = Array.from({ length: announcedRootsMax }, randomRoot)
    const read = decodeAnnouncement(encodeAnnouncement({ isWithdrawn: true, roots }))
    assert.deepEqual(read, { ok: true, value: { isWithdrawn: true, roots } })
    assert.equal(
      decodeAnnouncement(encodeAnnouncement({ isWithdrawn: true, roots: [...roots, randomRoot()] })).ok,
      false,
    )
    assert.equal(decodeAnnouncement(encodeAnnouncement({ isWithdrawn: true, roots: [] })).ok, false)
    assert.equal(decodeAnnouncement(new Uint8Array(33).fill(2)).ok, false)
  })

  it('envelopes hold for five minutes, and ten seconds of drift', () => {
    const code = (ageMs: number) => {
      const read = decodeEnvelope(encodeEnvelope({ a: 1 }, 1_000_000), 100, 1_000_000 + ageMs)
      return read.ok ? 'ok' : read.code
    }
    assert.deepEqual([300_000, 300_001, -10_000, -10_001].map(code), ['ok', 'too-old', 'ok', 'from-the-future'])
  })

  it('records are taken once, in order of their signing, and for this network alone', () => {
    const view = createNodeView(env.clock, identity, node(1))
    const record = makeRecord(new Uint8Array(32).fill(2), [], identity)
    const code = (json: unknown) => {
      const verdict = view.admit(json)
      return verdict.ok ? 'ok' : verdict.code
    }
    assert.equal(code(record), 'ok')
    assert.equal(code(record), 'record-known')
    assert.equal(code({ ...record, freeBytes: 3, signature: `0x${'00'.repeat(64)}` }), 'record-signature-wrong')
    const elsewhere = makeRecord(new Uint8Array(32).fill(3), [], { ...identity, chainId: 1 })
    assert.equal(code(elsewhere), 'record-of-other-network')
    assert.equal(code(makeRecord(new Uint8Array(32).fill(1), [], identity)), 'record-stale')
    assert.deepEqual(view.list(), [record])
  })
})
