/** A node's place among its peers: the parts of this package, put together and kept running until `close`. Spec: p2p. */

import { accept, bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import { ed25519PublicKey } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import type { NodeRecord, SignedPlacement } from '@weightless/storage/wire'
import { createRootAnnouncer } from './announceRoots.ts'
import { answerQuestions, createAsker } from './answerQuestions.ts'
import { createHost } from './createHost.ts'
import { describeNetwork, describePeers } from './describePeers.ts'
import { createExchange } from './exchange.ts'
import { findHolders } from './findHolders.ts'
import { gossipTopics, openGossip } from './gossip.ts'
import { type GreetedPeer, greetPeers } from './greetPeers.ts'
import { createJudges } from './judgePayloads.ts'
import { keepConnected } from './keepConnected.ts'
import { createNearbyPeers } from './nearbyPeers.ts'
import { type NetworkIdentity, protocolNames } from './networkIdentity.ts'
import { createNodeView } from './nodeView.ts'
import { peerIdOf } from './peerNames.ts'
import type { PeerNetwork } from './peerNetwork.ts'
import { createPeerScores } from './peerScores.ts'
import { createProviderTable, type ProviderBounds } from './providerTable.ts'
import { describeQuestions } from './questions.ts'
import { createRateLimits } from './rateLimits.ts'
import { createRootSpreader } from './spreadRoots.ts'

export type PeerNetworkOptions = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  /** The node's Ed25519 secret key; its public key is its name everywhere. */
  secretKey32: Uint8Array
  /** A TCP port on loopback (0 asks for any), or multiaddresses. */
  listen: number | readonly string[]
  /** Multiaddresses of nodes to begin with; may be empty, and may be not up yet. */
  bootstrap: readonly string[]
  identity: NetworkIdentity
  /**
   * What this node says about itself now, signed with the same key. Asked every 20 s and at each greeting. Undefined for a
   * node that holds nothing, as an indexer: it is a peer like others, but nobody is told of it as a place for files.
   */
  record(addresses: readonly string[]): NodeRecord | undefined | Promise<NodeRecord | undefined>
  /** The placement that this node knows for a root, for those who ask. */
  placementOf?(root: Hex): Promise<SignedPlacement | undefined>
  /** Told to peers, e.g. `weightless/0.1.0`. */
  agent?: string
  providers?: ProviderBounds
  /** Connections held at most; 300 by default. */
  connectionsMax?: number
  /** New connections a second from one address; 64 by default. */
  inboundPerSecondMax?: number
}

/** Listens, and looks for peers from then on. @throws {PeerListenError} {PeerRecordError} */
export async function openPeerNetwork(options: PeerNetworkOptions): Promise<PeerNetwork> {
  const stop = new AbortController()
  const parts = await assemble(options, stop.signal)
  const { env, self, host, view, scores, asker, announcer, providers, greetings, record } = parts
  try {
    await host.start()
    await record()
  } catch (fault) {
    await host.stop()
    throw fault instanceof WeightlessError ? fault : new PeerListenError({ listen: String(options.listen) }, fault)
  }
  const gossip = openGossip({ ...parts, judges: createJudges(view, options.identity) })

  async function tellRecord(): Promise<void> {
    const own = await record()
    if (own) await gossip.publish('node-record', own)
  }

  async function tellRecords(): Promise<void> {
    for (let waitMs = firstRecordMs; !stop.signal.aborted; waitMs = Math.min(5 * waitMs, recordMs)) {
      await tellRecord().catch((fault) => env.log.warn('record not told', { reason: String(fault) }))
      providers.prune()
      await env.clock.sleep(waitMs, stop.signal).catch(() => undefined)
    }
  }

  const { bootstrap } = options
  const connecting = { env, host, bootstrap, nodes: view.list, isRefused: scores.isRefused }
  const running = [tellRecords(), keepConnected(connecting, stop.signal), announcer.run(stop.signal)]
  const lookup = {
    ...{ env, host, self, scores, closing: stop.signal, known: view.getLive },
    askRecord: (nodeId: Hex, signal: AbortSignal) => asker.record(nodeId, { signal, timeoutMs: recordAskMs }),
  }
  env.log.info('peer network open', { nodeId: self, address: parts.addresses()[0] })
  return {
    nodeId: self,
    addresses: parts.addresses,
    provide: announcer.provide,
    unprovide: announcer.unprovide,
    findHolders: (root, find) => findHolders(lookup, root, find),
    askPlacement: asker.placement,
    publish: gossip.publish,
    onGossip: gossip.on,
    nodes: () => view.list().filter(({ nodeId }) => !scores.isRefused(nodeId)),
    onNode: view.onNode,
    peers: () => describePeers(host, greetings, scores),
    status: () => describeNetwork(parts),
    report: scores.report,
    isRefused: scores.isRefused,
    async close() {
      stop.abort()
      await Promise.allSettled(running)
      await host.stop()
    },
  }
}

/** Everything but the running: no socket is open yet. */
async function assemble(options: PeerNetworkOptions, signal: AbortSignal) {
  const { secretKey32, listen, identity, connectionsMax = 300, inboundPerSecondMax = 64 } = options
  const env = { clock: options.env.clock, random: options.env.random, log: options.env.log.child('p2p') }
  const self = bytesToHex(ed25519PublicKey(secretKey32))
  const names = protocolNames(identity)
  const questions = describeQuestions(names)
  const scores = createPeerScores(env.clock, (nodeId, fault) => {
    env.log.warn('peer refused', { nodeId, fault })
    host.hangUp(peerIdOf(nodeId)).catch(() => undefined)
  })
  const limits = createRateLimits(env.clock)
  const providers = createProviderTable(env.clock, options.providers)
  const view = createNodeView(env.clock, identity, self)
  const host = await createHost({
    ...{ secretKey32, names, providers, scores, connectionsMax, inboundPerSecondMax },
    listen: typeof listen === 'number' ? [`/ip4/127.0.0.1/tcp/${listen}`] : listen,
    topics: gossipTopics.map(names.topic),
  })
  const addresses = (): string[] => host.getMultiaddrs().map(String)
  let latest: { record: NodeRecord | undefined; atMs: number } | undefined
  const record = async (): Promise<NodeRecord | undefined> => {
    const nowMs = env.clock.monotonicMs()
    if (latest && nowMs - latest.atMs < recordReusedMs) return latest.record
    const made = await options.record(addresses())
    if (made && made.nodeId !== self) throw new PeerRecordError({ expected: self, found: made.nodeId })
    latest = { record: made, atMs: nowMs }
    return made
  }
  const exchange = createExchange(host, scores, limits)
  const asker = createAsker(exchange, questions, view, scores)
  const { placementOf = async () => undefined } = options
  await answerQuestions({ exchange, questions, providers, view, record, placementOf })
  const nearby = createNearbyPeers(host, view, scores)
  const spreader = createRootSpreader({
    clock: env.clock,
    candidates: nearby.list,
    lookAround: nearby.lookAround,
    keepOwn(roots, isWithdrawn) {
      for (const root of roots) isWithdrawn ? providers.remove(root, self) : providers.add(root, self)
    },
    tell: (nodeId, roots, isWithdrawn) => asker.announce(nodeId, roots, isWithdrawn, { signal, timeoutMs: tellMs }),
  })
  const announcer = createRootAnnouncer(env, spreader, () => nearby.list().length > 0)

  function onGreeted(peer: GreetedPeer): void {
    const verdict = peer.record === null ? accept(undefined) : view.admit(peer.record)
    if (!verdict.ok && verdict.action !== 'ignore') return scores.report(peer.nodeId, 'record-wrong')
    if (peer.isOutbound) asker.nodes(peer.nodeId, { signal }).catch(() => undefined)
  }

  view.onNode((known, isNew) => {
    if (!isNew) return
    // Its addresses first: it is told by name.
    nearby.rememberAddresses(known).then(
      () => announcer.welcome(known.nodeId),
      () => undefined,
    )
  })
  const { agent = 'weightless/0.1.0' } = options
  const greeting = { env, host, exchange, questions, scores, identity, agent, record, onGreeted, signal }
  const greetings = await greetPeers(greeting)
  return { env, self, names, host, limits, scores, providers, view, asker, announcer, greetings, addresses, record }
}

/** Sooner at first: a network that comes up should know itself within seconds. */
const firstRecordMs = 1_000
const recordMs = 20_000
/** Whoever asks twice within it gets the same record, signed once. */
const recordReusedMs = 500
/** A neighbour that takes thousands of roots from everybody at once may be slow. */
const tellMs = 15_000
const recordAskMs = 2_000

/** The port is taken, or the address is none of this machine. */
export class PeerListenError extends WeightlessError {
  constructor(facts: { listen: string }, cause: unknown) {
    super('p2p/listen', 'The peer-to-peer port cannot be opened.', facts, {
      cause,
      hint: 'Another program may listen there: stop it, or take another --peer-port (of a devnet: --port-base).',
    })
  }
}

/** The record is of another key than the network runs under. */
export class PeerRecordError extends WeightlessError {
  constructor(facts: { expected: Hex; found: Hex }) {
    super('p2p/record', 'The node record is not signed by the key of this node.', facts)
  }
}
