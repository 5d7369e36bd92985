/** The 2048-bit Bloom filter over log addresses and topics. Spec: Yellow Paper 4.3.1. */
import { keccak256 } from '@weightless/crypto'
import type { BlockLog } from './block.ts'
import { emptyBloom } from './header.ts'

export function logsBloom(logs: readonly BlockLog[]): Uint8Array {
  if (logs.length === 0) return emptyBloom
  const bloom = new Uint8Array(256)
  for (const log of logs) {
    addToBloom(bloom, log.address)
    for (const topic of log.topics) addToBloom(bloom, topic)
  }
  return bloom
}

/** False only if no log with this address or topic went into the bloom. */
export function bloomMayHold(bloom: Uint8Array, entry: Uint8Array): boolean {
  const hash = keccak256(entry)
  for (let pair = 0; pair < 6; pair += 2) {
    const bit = ((hash[pair]! << 8) | hash[pair + 1]!) & 2047
    if ((bloom[255 - (bit >> 3)]! & (1 << (bit & 7))) === 0) return false
  }
  return true
}

function addToBloom(bloom: Uint8Array, entry: Uint8Array): void {
  const hash = keccak256(entry)
  for (let pair = 0; pair < 6; pair += 2) {
    const bit = ((hash[pair]! << 8) | hash[pair + 1]!) & 2047
    bloom[255 - (bit >> 3)]! |= 1 << (bit & 7)
  }
}
