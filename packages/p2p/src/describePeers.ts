/** What operators are shown: each peer with its connections, and the whole in numbers. Spec: p2p §7. */
import type { Hex } from '@weightless/codec'
import type { RootAnnouncer } from './announceRoots.ts'
import type { Host } from './createHost.ts'
import type { Greetings } from './greetPeers.ts'
import type { NodeView } from './nodeView.ts'
import { nodeIdOf } from './peerNames.ts'
import type { NetworkStatus, PeerView } from './peerNetwork.ts'
import type { PeerScores } from './peerScores.ts'
import type { ProviderTable } from './providerTable.ts'

export function describePeers(host: Host, greetings: Greetings, scores: PeerScores): PeerView[] {
  const peers = new Map<Hex, PeerView>()
  for (const connection of host.getConnections()) {
    const nodeId = nodeIdOf(connection.remotePeer)
    if (!nodeId || connection.status !== 'open') continue
    const known = peers.get(nodeId)
    if (known) {
      peers.set(nodeId, { ...known, connections: known.connections + 1 })
      continue
    }
    peers.set(nodeId, {
      nodeId,
      peerId: String(connection.remotePeer),
      agent: greetings.get(nodeId)?.agent ?? '',
      direction: connection.direction,
      address: String(connection.remoteAddr),
      connections: 1,
      connectedMs: connection.timeline.open,
      score: scores.score(nodeId),
    })
  }
  return [...peers.values()]
}

export type StatusParts = {
  host: Host
  view: NodeView
  scores: PeerScores
  announcer: RootAnnouncer
  providers: ProviderTable
}

export function describeNetwork({ host, view, scores, announcer, providers }: StatusParts): NetworkStatus {
  const directions = new Map(host.getConnections().map(({ remotePeer, direction }) => [String(remotePeer), direction]))
  const connectedInbound = [...directions.values()].filter((direction) => direction === 'inbound').length
  return {
    peerId: String(host.peerId),
    addresses: host.getMultiaddrs().map(String),
    knownNodes: view.list().length,
    connectedInbound,
    connectedOutbound: directions.size - connectedInbound,
    refused: scores.refused(),
    rootsProvided: announcer.provided(),
    rootsWaiting: announcer.waiting(),
    recordsKept: providers.size(),
  }
}
