/** What operators ask about peers, in the published shapes: `admin_getPeers`, `admin_getNetworkInfo`, `zgs_getStatus`. Spec: p2p §7. */
import type { Clock } from '@weightless/env'
import type { PeerNetwork, PeerView } from '@weightless/p2p'
import type { RpcMethods } from '../http/jsonRpcServer.ts'
import type { StatusJson } from '../wire/index.ts'

/**
 * @param joined - undefined until the node has joined: then `own` answers
 * @param own - the node's methods, of which those about peers are replaced
 */
export function createPeerMethods(clock: Clock, joined: () => PeerNetwork | undefined, own: RpcMethods): RpcMethods {
  const { zgs_getStatus: status, admin_getNetworkInfo: admin, admin_getPeers: peers = admin } = own
  return {
    ...(status && {
      zgs_getStatus: async (params, context) => {
        const answer = await status(params, context)
        const network = joined()
        if (!('result' in answer) || !network) return answer
        return { result: { ...(answer.result as StatusJson), connectedPeers: network.peers().length } }
      },
    }),
    ...(admin &&
      peers && {
        // The node's own method says who may ask; its answer is about another network.
        admin_getNetworkInfo: async (params, context) => {
          const answer = await admin(params, context)
          const network = joined()
          return 'result' in answer && network ? { result: networkInfo(network) } : answer
        },
        admin_getPeers: async (params, context) => {
          const answer = await peers(params, context)
          const network = joined()
          return 'result' in answer && network ? { result: peerMap(clock, network) } : answer
        },
      }),
  }
}

function networkInfo(network: PeerNetwork) {
  const { peerId, addresses, knownNodes, connectedInbound, connectedOutbound, refused } = network.status()
  const connected = connectedInbound + connectedOutbound
  const total = Math.max(knownNodes, connected)
  return {
    peerId,
    listenAddresses: addresses,
    totalPeers: total,
    bannedPeers: refused,
    disconnectedPeers: total - connected,
    connectedPeers: connected,
    connectedOutgoingPeers: connectedOutbound,
    connectedIncomingPeers: connectedInbound,
  }
}

function peerMap(clock: Clock, network: PeerNetwork): { readonly [peerId: string]: unknown } {
  const records = new Map(network.nodes().map((record) => [record.nodeId, record]))
  return Object.fromEntries(
    network.peers().map((peer) => [peer.peerId, describePeer(clock, peer, records.get(peer.nodeId)?.addresses ?? [])]),
  )
}

function describePeer(clock: Clock, peer: PeerView, addresses: readonly string[]) {
  const [agent = '', version = ''] = peer.agent.split('/')
  const isInbound = peer.direction === 'inbound'
  return {
    client: { version, os: '', protocol: '', agent },
    connectionStatus: {
      status: 'connected',
      connectionsIn: isInbound ? peer.connections : 0,
      connectionsOut: isInbound ? 0 : peer.connections,
      lastSeenSecs: 0,
    },
    listeningAddresses: addresses,
    seenIps: [...new Set(/\/ip[46]\/([^/]+)/.exec(peer.address)?.slice(1) ?? [])],
    isTrusted: false,
    connectionDirection: isInbound ? 'Incoming' : 'Outgoing',
    enr: null,
    // Beyond the published shape.
    nodeId: peer.nodeId,
    score: peer.score,
    connectedSecs: Math.max(0, Math.floor((clock.nowMs() - peer.connectedMs) / 1_000)),
  }
}
