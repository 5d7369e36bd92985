/** libp2p, put together: TCP, noise, yamux, Kademlia and gossipsub under the names of one network, with bounds. Spec: p2p §2. */

import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { type GossipSub, gossipsub } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { Libp2p, PeerId } from '@libp2p/interface'
import { type KadDHT, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { noise } from '@libp2p/noise'
import { peerIdFromPrivateKey, peerIdFromString } from '@libp2p/peer-id'
import { type Ping, ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { bytesToHex, concatBytes, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { createLibp2p } from 'libp2p'
import { gossipBytesMax } from './gossipEnvelope.ts'
import type { ProtocolNames } from './networkIdentity.ts'
import { PeerDatastore } from './peerDatastore.ts'
import { nodeIdOf } from './peerNames.ts'
import type { PeerScores } from './peerScores.ts'
import { type ProviderTable, recordTtlMs } from './providerTable.ts'

export type Host = Libp2p<{ identify: Identify; ping: Ping; dht: KadDHT; gossip: GossipSub }>

export type HostOptions = {
  secretKey32: Uint8Array
  listen: readonly string[]
  names: ProtocolNames
  topics: readonly string[]
  providers: ProviderTable
  scores: PeerScores
  connectionsMax: number
  /** New connections a second from one address. */
  inboundPerSecondMax: number
}

/** Peers of a bucket, and copies of a provider record: Kademlia's k. */
export const neighbours = 20

export async function createHost(options: HostOptions): Promise<Host> {
  const { secretKey32, listen, names, topics, providers, scores, connectionsMax, inboundPerSecondMax } = options
  const privateKey = await generateKeyPairFromSeed('Ed25519', secretKey32)
  const isUnwanted = (peerId: PeerId): boolean => {
    const nodeId = nodeIdOf(peerId)
    return nodeId === undefined || scores.isRefused(nodeId)
  }
  return createLibp2p({
    privateKey,
    start: false,
    addresses: { listen: [...listen] },
    datastore: new PeerDatastore(peerIdFromPrivateKey(privateKey), providers),
    peerStore: { maxAddressAge: 2 * recordTtlMs, maxPeerAge: 2 * recordTtlMs },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux({ maxInboundStreams: 256, maxOutboundStreams: 256 })],
    connectionGater: {
      // By default loopback and private addresses are not dialled; a network on one machine has no others.
      denyDialMultiaddr: () => false,
      denyDialPeer: isUnwanted,
      denyInboundEncryptedConnection: isUnwanted,
    },
    connectionManager: {
      maxConnections: connectionsMax,
      inboundConnectionThreshold: inboundPerSecondMax,
      maxIncomingPendingConnections: 128,
      dialTimeout: 5_000,
    },
    // A machine whose cores are busy coding answers late; TCP's own keep-alive notices the dead.
    connectionMonitor: { pingInterval: 30_000, abortConnectionOnPingFailure: false, protocolPrefix: names.prefix },
    services: {
      identify: identify({ protocolPrefix: names.prefix }),
      ping: ping({ protocolPrefix: names.prefix }),
      dht: kadDHT({
        protocol: names.kad,
        clientMode: false,
        kBucketSize: neighbours,
        alpha: 3,
        disjointPaths: 2,
        // Its first look around comes after a second; lookups of a cold node should not wait for that.
        allowQueryWithZeroPeers: true,
        peerInfoMapper: passthroughMapper,
      }),
      gossip: gossipsub({
        globalSignaturePolicy: 'StrictSign',
        allowedTopics: [...topics],
        allowPublishToZeroTopicPeers: true,
        ignoreDuplicatePublishError: true,
        maxInboundDataLength: gossipBytesMax + 1_024,
        decodeRpcLimits,
        seenTTL: 330_000,
        // Most copies of a message are the second or the sixth: known without checking a signature again.
        fastMsgIdFn: (message) => {
          const parts = [textToBytes(message.topic), message.from ?? new Uint8Array(), message.data ?? new Uint8Array()]
          return bytesToHex(sha256(concatBytes(parts)))
        },
        msgIdFn: (message) => {
          const from = message.type === 'signed' ? message.from.toMultihash().bytes : new Uint8Array()
          return sha256(concatBytes([textToBytes(message.topic), from, message.data])).subarray(0, 20)
        },
        scoreParams: {
          // Nodes of one household, or of one machine, share an address.
          IPColocationFactorWeight: 0,
          appSpecificWeight: 1,
          appSpecificScore(peer) {
            const nodeId = nodeIdOf(peerIdFromString(peer))
            return nodeId === undefined ? 0 : scores.score(nodeId)
          },
        },
      }),
    },
  })
}

const decodeRpcLimits = {
  maxSubscriptions: 64,
  maxMessages: 512,
  maxIhaveMessageIDs: 5_000,
  maxIwantMessageIDs: 5_000,
  maxIdontwantMessageIDs: 512,
  maxControlMessages: 512,
  maxPeerInfos: 16,
}
