/** What a storage node says about itself, signed by the key that is its name. Spec: storage §11. */
import { accept, bytesToHex, type Hex, hexToBytes, reject, type Verdict } from '@weightless/codec'
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from '@weightless/crypto'
import type { ShardConfigJson } from './rpcShapes.ts'

export type NodeRecord = {
  /** The node's Ed25519 public key, 32 bytes; also its libp2p identity. */
  nodeId: Hex
  /** Where its HTTP routes answer. */
  url: string
  /** The part of the flow whose data rows it takes; null for a node that takes parity rows alone. */
  shard: ShardConfigJson | null
  /** libp2p multiaddresses; empty where it runs none. */
  addresses: readonly string[]
  chainId: number
  flowAddress: Hex
  /** Bytes that it still takes. */
  freeBytes: number
  /** Milliseconds since the epoch when it was signed: of two records the later one holds. */
  signedMs: number
  signature: Hex
}

const urlCharsMax = 256
const addressesMax = 16

export function signNodeRecord(record: Omit<NodeRecord, 'nodeId' | 'signature'>, secretKey: Uint8Array): NodeRecord {
  const named = { ...record, nodeId: bytesToHex(ed25519PublicKey(secretKey)) }
  return { ...named, signature: bytesToHex(ed25519Sign(messageOf(named), secretKey)) }
}

/** Reads and checks what came from a network. */
export function readNodeRecord(json: unknown): Verdict<NodeRecord, 'record-malformed' | 'record-signature-wrong'> {
  if (typeof json !== 'object' || json === null) return reject('record-malformed', 'not an object')
  const record = json as NodeRecord
  const malformed = findMalformed(record)
  if (malformed) return reject('record-malformed', malformed)
  const { nodeId, url, shard, addresses, chainId, flowAddress, freeBytes, signedMs, signature } = record
  const clean = {
    ...{ nodeId, url, addresses: [...addresses], chainId, flowAddress, freeBytes, signedMs, signature },
    shard: shard && { numShard: shard.numShard, shardId: shard.shardId },
  }
  const isSigned = ed25519Verify(hexToBytes(signature), messageOf(clean), hexToBytes(nodeId))
  return isSigned ? accept(clean) : reject('record-signature-wrong')
}

function findMalformed(record: Partial<NodeRecord>): string | undefined {
  const { nodeId, url, shard, addresses, chainId, flowAddress, freeBytes, signedMs, signature } = record
  if (!isHex(nodeId, 32)) return 'nodeId'
  if (typeof url !== 'string' || url.length > urlCharsMax || !/^https?:\/\/[^\s/]+\/?$/.test(url)) return 'url'
  if (shard === undefined || (shard !== null && !isShard(shard))) return 'shard'
  if (!Array.isArray(addresses) || addresses.length > addressesMax) return 'addresses'
  if (addresses.some((address) => typeof address !== 'string' || address.length > urlCharsMax)) return 'addresses'
  if (!isHex(flowAddress, 20)) return 'flowAddress'
  for (const [name, value] of Object.entries({ chainId, freeBytes, signedMs })) {
    if (!Number.isSafeInteger(value) || (value as number) < 0) return name
  }
  return isHex(signature, 64) ? undefined : 'signature'
}

function isShard({ numShard, shardId }: ShardConfigJson): boolean {
  const isPower = Number.isSafeInteger(numShard) && numShard >= 1 && Number.isInteger(Math.log2(numShard))
  return isPower && Number.isSafeInteger(shardId) && shardId >= 0 && shardId < numShard
}

function isHex(value: unknown, bytes: number): value is Hex {
  return typeof value === 'string' && value.length === 2 + 2 * bytes && /^0x[0-9a-f]+$/.test(value)
}

/** Fields in a fixed order, as JSON: free of ambiguity without a codec of its own. */
function messageOf(record: Omit<NodeRecord, 'signature'>): Uint8Array {
  const { nodeId, url, shard, addresses, chainId, flowAddress, freeBytes, signedMs } = record
  const { numShard, shardId } = shard ?? { numShard: 0, shardId: 0 }
  const fields = [nodeId, url, numShard, shardId, addresses, chainId, flowAddress, freeBytes, signedMs]
  return new TextEncoder().encode(`weightless/node-record/1\n${JSON.stringify(fields)}`)
}
