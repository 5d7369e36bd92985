/** What a storage node says of itself at `GET /node/status`: how it stands among its peers. Spec: storage §11. */
import type { Hex } from '@weightless/codec'

export type NodeStatusJson = {
  nodeId: Hex
  /** Null where it has not joined by libp2p: then indexers alone know it. */
  peers: { connected: number; known: number } | null
}

/** Undefined for anything else; unknown fields are left out. */
export function readNodeStatus(json: unknown): NodeStatusJson | undefined {
  const { nodeId, peers } = (json ?? {}) as Partial<NodeStatusJson>
  if (typeof nodeId !== 'string' || peers === undefined) return undefined
  if (peers !== null && !(isCount(peers.connected) && isCount(peers.known))) return undefined
  return { nodeId, peers: peers && { connected: peers.connected, known: peers.known } }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
