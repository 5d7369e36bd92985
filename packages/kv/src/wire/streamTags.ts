/** The tags of a submission that make it a key-value transaction: a domain and the streams that it touches. Spec: kv §1.2. */
import { bytesEqual, bytesToHex, concatBytes, type Hex, hexToBytes } from '@weightless/codec'

/** SHA-256 of `STREAM`. */
export const streamDomain: Hex = '0xdf2ff3bb0af36c6384e6206552a4ed807f6f6a26e7d0aa6bff772ddc9d4307aa'

const domainBytes = hexToBytes(streamDomain)
const idBytes = 32
/** More than any transaction can touch without being refused for its lists. */
const streamsMax = 131_072

export function encodeStreamTags(streamIds: readonly Hex[]): Hex {
  return bytesToHex(concatBytes([domainBytes, ...streamIds.map(hexToBytes)]))
}

/** The streams named, once each, in their order; undefined for the tags of anything else. */
export function decodeStreamTags(tags: Uint8Array): Hex[] | undefined {
  if (tags.length % idBytes !== 0 || tags.length > idBytes * (1 + streamsMax)) return undefined
  if (!bytesEqual(tags.subarray(0, idBytes), domainBytes)) return undefined
  const streamIds = new Set<Hex>()
  for (let at = idBytes; at < tags.length; at += idBytes) streamIds.add(bytesToHex(tags.subarray(at, at + idBytes)))
  return [...streamIds]
}
