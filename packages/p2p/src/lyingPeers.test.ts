import assert from 'node:assert/strict'
import { afterEach, describe, it } from 'node:test'
import { multiaddr } from '@multiformats/multiaddr'
import { textToBytes } from '@weightless/codec'
import { encodeEnvelope, gossipBytesMax } from './gossipEnvelope.ts'
import type { PeerNetwork } from './peerNetwork.ts'
import type { Questions } from './questions.ts'
import {
  createTestPeers,
  env,
  identity,
  type Liar,
  makePlacement,
  makeRecord,
  randomRoot,
  until,
} from './testing/openTestPeers.ts'

describe('peers that lie', () => {
  const peers = createTestPeers()
  afterEach(() => peers.close())

  const ask = async (liar: Liar, victim: PeerNetwork, name: keyof Questions, bytes: Uint8Array) => {
    await liar.host.dial(victim.addresses().map((address) => multiaddr(address)))
    return liar.exchange.ask(victim.nodeId, liar.questions[name], bytes)
  }
  const befriend = async (liar: Liar, victim: PeerNetwork): Promise<void> => {
    const answer = await ask(liar, victim, 'hello', liar.greeting())
    assert.ok(answer.ok)
    await until(() => victim.nodes().some(({ nodeId }) => nodeId === liar.nodeId), 'the liar is taken for honest')
  }

  it('are refused for announcements that anyone can see are wrong, which nobody passes on', async () => {
    const victim = await peers.open()
    const behind = await peers.open({ bootstrap: victim.addresses() })
    await until(() => behind.nodes().length === 1, 'the two know each other')
    const liar = await peers.openLiar()
    await befriend(liar, victim)
    const heard: unknown[] = []
    behind.onGossip('placement', (payload) => heard.push(payload))
    const topic = liar.names.topic('placement')
    await until(() => liar.host.services.gossip.getSubscribers(topic).length > 0, 'the liar can publish')
    const placement = makePlacement(randomRoot())
    const lies = [
      { ...placement, signatures: [placement.signatures[1], placement.signatures[0]] },
      { ...placement, sizeBytes: -1 },
      { ...placement, chainId: 5, signatures: [null, null] },
      'no placement at all',
      null,
    ]
    let count = 0
    await until(async () => {
      // Each is another message, by its time; the first ones may go before the streams are up.
      const lie = lies[count++ % lies.length]
      await liar.host.services.gossip.publish(topic, encodeEnvelope(lie, env.clock.nowMs() - count))
      return victim.isRefused(liar.nodeId)
    }, 'the liar is refused')
    assert.deepEqual(heard, [])
    assert.equal(behind.isRefused(victim.nodeId), false)
    assert.equal(behind.peers().find(({ nodeId }) => nodeId === victim.nodeId)?.score, 0)
  })

  it('cannot speak for others, or of other times', async () => {
    const victim = await peers.open()
    const liar = await peers.openLiar()
    await befriend(liar, victim)
    const files: { txSeq: number }[] = []
    victim.onGossip('file-new', (payload) => files.push(payload))
    const topic = liar.names.topic('file-new')
    const { gossip } = liar.host.services
    await until(() => gossip.getSubscribers(topic).length > 0, 'the liar can publish')
    const file = { root: randomRoot(), txSeq: 0, nodeId: liar.nodeId }
    const publish = (payload: object, ageMs = 0) =>
      gossip.publish(topic, encodeEnvelope(payload, env.clock.nowMs() - ageMs))
    await until(async () => {
      await publish(file)
      return files.length > 0
    }, 'heard at all')
    files.length = 0
    await publish({ ...file, txSeq: 1 }, 400_000)
    await publish({ ...file, txSeq: 1 }, -60_000)
    await publish({ ...file, txSeq: 1, nodeId: victim.nodeId })
    await publish({ ...file, txSeq: 2 ** 60 })
    await publish({ ...file, txSeq: 2 })
    await until(() => files.some(({ txSeq }) => txSeq === 2), 'the honest one is heard')
    assert.deepEqual(
      files.filter(({ txSeq }) => txSeq > 0),
      [{ ...file, txSeq: 2 }],
    )
    assert.equal(victim.peers().find(({ nodeId }) => nodeId === liar.nodeId)?.score, -50)
  })

  it('are refused for wrong records, of themselves or of others', async () => {
    const victim = await peers.open()
    const liar = await peers.openLiar()
    const forged = { ...liar.record, freeBytes: 2 ** 50 }
    const answer = await ask(liar, victim, 'hello', liar.greeting({ record: forged }))
    assert.ok(answer.ok)
    const view = victim.peers().find(({ nodeId }) => nodeId === liar.nodeId)
    assert.ok(view!.score < 0)
    assert.deepEqual(victim.nodes(), [])
  })

  it('cost nothing with questions that are too long, malformed, or from nowhere', async () => {
    const victim = await peers.open()
    const liar = await peers.openLiar()
    await befriend(liar, victim)
    const long = { ...liar.questions.placement, questionBytesMax: 10_000_000, answerBytesMax: 10_000_000 }
    const tooLong = await liar.exchange.ask(victim.nodeId, long, new Uint8Array(5_000_000))
    assert.equal(tooLong.ok, false)
    const short = await liar.exchange.ask(victim.nodeId, liar.questions.placement, new Uint8Array(31))
    assert.equal(short.ok || short.code, 'malformed')
    const uneven = await liar.exchange.ask(victim.nodeId, liar.questions.announce, new Uint8Array(40))
    assert.equal(uneven.ok || uneven.code, 'malformed')
    const noise = await liar.exchange.ask(victim.nodeId, liar.questions.hello, textToBytes('{"version":'))
    assert.equal(noise.ok || noise.code, 'malformed')
    await until(() => (victim.peers()[0]?.score ?? -100) <= -80, 'each of them cost points')
    assert.equal(victim.status().recordsKept, 0)
    await liar.exchange.ask(victim.nodeId, liar.questions.hello, textToBytes('[]'))
    await until(() => victim.isRefused(liar.nodeId), 'refused in the end')
  })

  it('cannot make a message grow', async () => {
    const victim = await peers.open()
    const liar = await peers.openLiar()
    await befriend(liar, victim)
    const topic = liar.names.topic('placement')
    const { gossip } = liar.host.services
    await until(() => gossip.getSubscribers(topic).length > 0, 'the liar can publish')
    const heard: unknown[] = []
    victim.onGossip('placement', (payload) => heard.push(payload))
    await gossip.publish(topic, new Uint8Array(4 * gossipBytesMax)).catch(() => undefined)
    const honest = makePlacement(randomRoot())
    const other = await peers.open({ bootstrap: victim.addresses() })
    await until(async () => {
      if (heard.length === 0) await other.publish('placement', honest)
      return heard.length > 0
    }, 'the victim still hears others')
    assert.deepEqual(heard, [honest])
  })

  it('that answer with something else than was asked are found out', async () => {
    const victim = await peers.open()
    const liar = await peers.openLiar()
    const other = makePlacement(randomRoot())
    const json = textToBytes(JSON.stringify(other))
    await liar.exchange.answer(liar.questions.placement, async () => ({ ok: true, value: json }))
    await befriend(liar, victim)
    for (let i = 0; i < 3; i++) {
      const answer = await victim.askPlacement(liar.nodeId, randomRoot())
      assert.equal(answer.ok || answer.code, 'malformed')
    }
    assert.equal(victim.isRefused(liar.nodeId), true)
  })

  it('that pass on forged records of others are refused', async () => {
    const victim = await peers.open()
    const liar = await peers.openLiar()
    await befriend(liar, victim)
    const topic = liar.names.topic('node-record')
    const { gossip } = liar.host.services
    await until(() => gossip.getSubscribers(topic).length > 0, 'the liar can publish')
    let count = 0
    await until(async () => {
      const record = makeRecord(new Uint8Array(32).fill(++count), [], identity)
      const forged = { ...record, url: 'http://127.0.0.1:6666' }
      await gossip.publish(topic, encodeEnvelope(forged, env.clock.nowMs()))
      return victim.isRefused(liar.nodeId)
    }, 'refused')
    assert.ok(count < 100)
    assert.equal(
      victim.nodes().some(({ url }) => url.endsWith('6666')),
      false,
    )
  })
})
