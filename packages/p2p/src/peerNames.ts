/** The three names of a node and the two of a root: as hex, in libp2p, and as a place in the Kademlia space. Spec: p2p §2. */
import { publicKeyFromRaw } from '@libp2p/crypto/keys'
import type { PeerId } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { bytesToHex, concatBytes, type Hex, hexToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { CID } from 'multiformats/cid'

/** The libp2p name of a node. @throws if the bytes are no Ed25519 key */
export function peerIdOf(nodeId: Hex): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(hexToBytes(nodeId)))
}

/** Undefined for names that are not Ed25519 keys; such peers are not ours. */
export function nodeIdOf(peerId: PeerId): Hex | undefined {
  return peerId.type === 'Ed25519' ? bytesToHex(peerId.publicKey.raw) : undefined
}

/** libp2p's DHT takes a multihash of SHA-256 as key alone: the root stands in it as digest, whatever hash made it. */
export function cidOf(root: Hex): CID {
  return CID.decode(keyOf(root))
}

export function keyOf(root: Hex): Uint8Array {
  return concatBytes([multihashHead, hexToBytes(root)])
}

/** The root inside a multihash as `cidOf` makes it; undefined for any other. */
export function rootOfKey(key: Uint8Array): Hex | undefined {
  const isOurs = key.length === 34 && key[0] === multihashHead[0] && key[1] === multihashHead[1]
  return isOurs ? bytesToHex(key.subarray(2)) : undefined
}

/** Where a root lies in the Kademlia space: 32 bytes. */
export function placeOfRoot(root: Hex): Uint8Array {
  return sha256(keyOf(root))
}

export function placeOfPeer(peerId: PeerId): Uint8Array {
  return sha256(peerId.toMultihash().bytes)
}

/** Below 0 where `a` is nearer to `target` than `b`, by XOR. */
export function compareDistance(target: Uint8Array, a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < target.length; i++) {
    const difference = (a[i]! ^ target[i]!) - (b[i]! ^ target[i]!)
    if (difference !== 0) return difference
  }
  return 0
}

const multihashHead = new Uint8Array([0x12, 0x20])
