/**
 * What the storage network asks of its peers: who holds a root, what is new, who misbehaves. Small on purpose, so that a
 * node, a test or the simulator runs as well on a plain list (`createListedNetwork`). Spec: p2p §1.
 */
import type { Hex, Verdict } from '@weightless/codec'
import type { NodeRecord, SignedPlacement } from '@weightless/storage/wire'
import type { PeerFault } from './peerScores.ts'

export type PeerNetwork = {
  /** The node's Ed25519 public key; its libp2p name follows from it. */
  readonly nodeId: Hex
  /** Multiaddresses under which others reach it, each ending in `/p2p/<peer id>`. */
  addresses(): string[]
  /** Says, and goes on saying, that this node holds `root`. Queued; told to others in batches. */
  provide(root: Hex): void
  unprovide(root: Hex): void
  /** Asks the DHT who holds `root`. An empty list means that nobody said so in time. Never throws but for `signal`. */
  findHolders(root: Hex, options?: FindOptions): Promise<FoundHolders>
  /** Asks one node for the placement that it knows; checked, and for this root. */
  askPlacement(nodeId: Hex, root: Hex, options?: AskOptions): Promise<Verdict<SignedPlacement, AskFault>>
  publish<Topic extends GossipTopic>(topic: Topic, payload: GossipPayloads[Topic]): Promise<void>
  /** Calls `listener` with every valid announcement of others; returns what ends it. */
  onGossip<Topic extends GossipTopic>(topic: Topic, listener: GossipListener<Topic>): () => void
  /** Records of nodes that lately said they live, this one not among them. */
  nodes(): NodeRecord[]
  onNode(listener: (record: NodeRecord) => void): () => void
  /** Nodes that a connection stands to. */
  peers(): PeerView[]
  status(): NetworkStatus
  /** Takes note of a fault; enough of them, and the node is dropped and refused for a while. */
  report(nodeId: Hex, fault: PeerFault): void
  isRefused(nodeId: Hex): boolean
  close(): Promise<void>
}

export type AskOptions = { signal?: AbortSignal; timeoutMs?: number }

export type FindOptions = AskOptions & {
  /** Ends the lookup as soon as so many holders have answered; default 1, and whoever the same peers named beside it. */
  wanted?: number
  onHop?: (hop: Hop) => void
}

export type FoundHolders = {
  nodes: NodeRecord[]
  /** Every peer asked, in the order of their answers. */
  hops: Hop[]
  /** Peers in the chain from the first one asked to the one that named a holder; 0 if none did. */
  depth: number
  ms: number
}

export type Hop = {
  asked: Hex
  /** The peer that named it; undefined for one of this node's own routing table. */
  namedBy: Hex | undefined
  /** From the decision to ask until the answer, dialling included. */
  ms: number
  outcome: 'holders' | 'closer peers' | 'failed'
  /** How many holders, and how many peers nearer to the root, it named. */
  holders: number
  closer: number
}

export type AskFault = 'unreachable' | 'rate-limited' | 'unknown' | 'malformed'

export type GossipPayloads = {
  /** A node lives, and where. */
  'node-record': NodeRecord
  /** A placement became final, or a repair made a new version. */
  placement: SignedPlacement
  /** This node has the whole of a new file; told to neighbours alone. */
  'file-new': { root: Hex; txSeq: number; nodeId: Hex }
  /** A node takes another part of the flow from now on. */
  'shard-change': NodeRecord
}

export type GossipTopic = keyof GossipPayloads

/** @param from - who published it, by signature; not who passed it on */
export type GossipListener<Topic extends GossipTopic> = (payload: GossipPayloads[Topic], from: Hex) => void

export type PeerView = {
  nodeId: Hex
  /** The name in libp2p's own form, `12D3Koo…`. */
  peerId: string
  agent: string
  direction: 'inbound' | 'outbound'
  address: string
  connections: number
  connectedMs: number
  /** 0 is a stranger; refused from -100 on. */
  score: number
}

export type NetworkStatus = {
  peerId: string
  addresses: string[]
  /** Known, connected or not. */
  knownNodes: number
  connectedInbound: number
  connectedOutbound: number
  refused: number
  /** Roots that this node provides, and how many of them wait to be told. */
  rootsProvided: number
  rootsWaiting: number
  /** Provider records that this node keeps for others. */
  recordsKept: number
}
