/** Whom this node can tell of a root: its peers and the nodes it knows, and how it learns of more. Spec: p2p §3. */
import { multiaddr } from '@multiformats/multiaddr'
import type { Hex } from '@weightless/codec'
import type { NodeRecord } from '@weightless/storage/wire'
import type { Host } from './createHost.ts'
import { firstBits, type PlacedNode } from './kademliaPlaces.ts'
import type { NodeView } from './nodeView.ts'
import { keyOf, nodeIdOf, peerIdOf, placeOfPeer } from './peerNames.ts'
import type { PeerScores } from './peerScores.ts'

export type NearbyPeers = {
  list(): PlacedNode[]
  /** Connects to the nodes near a root, so far as the DHT finds any that are not known. */
  lookAround(root: Hex, signal: AbortSignal): Promise<void>
  /** libp2p dials by name only whom it has addresses of; the DHT's answers take them from there too. */
  rememberAddresses(record: NodeRecord): Promise<void>
}

export function createNearbyPeers(host: Host, view: NodeView, scores: PeerScores): NearbyPeers {
  const placeBits = new Map<Hex, number>()

  function place(nodeId: Hex): PlacedNode {
    const known = placeBits.get(nodeId)
    if (known !== undefined) return { nodeId, bits: known }
    if (placeBits.size >= placesMax) placeBits.clear()
    const bits = firstBits(placeOfPeer(peerIdOf(nodeId)))
    placeBits.set(nodeId, bits)
    return { nodeId, bits }
  }

  return {
    list() {
      const connected = host.getPeers().flatMap((peerId) => nodeIdOf(peerId) ?? [])
      const reachable = view.list().flatMap(({ nodeId, addresses }) => (addresses.length > 0 ? [nodeId] : []))
      return [...new Set([...connected, ...reachable])].filter((nodeId) => !scores.isRefused(nodeId)).map(place)
    },
    async lookAround(root, signal) {
      const limited = AbortSignal.any([signal, AbortSignal.timeout(lookMs)])
      try {
        for await (const event of host.services.dht.getClosestPeers(keyOf(root), { signal: limited })) {
          if (event.name === 'FINAL_PEER') await host.dial(event.peer.id, { signal: limited })
        }
      } catch (fault) {
        // Who is not found in time is told at the next round; those who are known are told now.
        if (signal.aborted) throw fault
      }
    },
    async rememberAddresses({ nodeId, addresses }) {
      const multiaddrs = addresses.flatMap((address) => {
        try {
          return [multiaddr(address)]
        } catch {
          // A signed record may still hold an address in a form that this version does not know.
          return []
        }
      })
      await host.peerStore.merge(peerIdOf(nodeId), { multiaddrs })
    },
  }
}

const lookMs = 5_000
const placesMax = 16_384
