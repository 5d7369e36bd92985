/**
 * The same interface over a plain list, without a network: for tests, the simulator, and one-process uses. Everybody on
 * the list may hold anything; whoever reads asks them. Spec: p2p §1.
 */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { NodeRecord } from '@weightless/storage/wire'
import type { PeerNetwork } from './peerNetwork.ts'
import { createPeerScores } from './peerScores.ts'

export type ListedNetworkOptions = { clock: Clock; nodeId: Hex; nodes(): readonly NodeRecord[] }

export function createListedNetwork({ clock, nodeId: self, nodes }: ListedNetworkOptions): PeerNetwork {
  const scores = createPeerScores(clock, () => undefined)
  const provided = new Set<Hex>()
  const others = (): NodeRecord[] => nodes().filter(({ nodeId }) => nodeId !== self && !scores.isRefused(nodeId))
  const nothing = (): void => undefined
  return {
    nodeId: self,
    addresses: () => [],
    provide: (root) => void provided.add(root),
    unprovide: (root) => void provided.delete(root),
    async findHolders(_root, { signal } = {}) {
      signal?.throwIfAborted()
      return { nodes: others(), hops: [], depth: 0, ms: 0 }
    },
    askPlacement: async () => ({ ok: false, code: 'unknown', action: 'ignore' }),
    publish: async () => undefined,
    onGossip: () => nothing,
    nodes: others,
    onNode: () => nothing,
    peers: () => [],
    status: () => ({
      ...{ peerId: '', addresses: [], connectedInbound: 0, connectedOutbound: 0, rootsWaiting: 0, recordsKept: 0 },
      knownNodes: others().length,
      refused: scores.refused(),
      rootsProvided: provided.size,
    }),
    report: scores.report,
    isRefused: scores.isRefused,
    close: async () => undefined,
  }
}
