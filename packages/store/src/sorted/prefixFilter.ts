/**
 * Says of a run that it surely has no key that begins so (a Bloom filter, 10 bits a prefix, wrong once in a hundred): most runs
 * then need not be read at all for one key's versions.
 */

export type PrefixFilter = { mayHold(prefix: Uint8Array): boolean; bytes: Uint8Array }

const bitsPerPrefix = 10
const probes = 6

/** Gathers prefixes, of which equal ones come one after another. */
export function createFilterBuilder(): { add(prefix: Uint8Array): void; build(): Uint8Array } {
  const hashes: number[] = []
  return {
    add(prefix) {
      const hash = hashOf(prefix)
      if (hashes.at(-1) !== hash) hashes.push(hash)
    },
    build() {
      const bytes = new Uint8Array(Math.ceil((hashes.length * bitsPerPrefix) / 8))
      for (const hash of hashes) for (const bit of bitsOf(hash, bytes.length * 8)) bytes[bit >>> 3]! |= 1 << (bit & 7)
      return bytes
    },
  }
}

/** @param bytes what `build` gave; none at all: everything may be there */
export function openFilter(bytes: Uint8Array): PrefixFilter {
  return {
    bytes,
    mayHold(prefix) {
      if (bytes.length === 0) return true
      const hash = hashOf(prefix)
      const count = bytes.length * 8
      let at = hash
      const step = stepOf(hash)
      for (let probe = 0; probe < probes; probe++) {
        const bit = at % count
        if ((bytes[bit >>> 3]! & (1 << (bit & 7))) === 0) return false
        at = (at + step) >>> 0
      }
      return true
    },
  }
}

function* bitsOf(hash: number, count: number): Generator<number> {
  let at = hash
  const step = stepOf(hash)
  for (let probe = 0; probe < probes; probe++) {
    yield at % count
    at = (at + step) >>> 0
  }
}

/** FNV-1a, with a last mixing (of MurmurHash3) so that neighbours differ in all bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < bytes.length; at++) hash = Math.imul(hash ^ bytes[at]!, 0x01000193)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function stepOf(hash: number): number {
  return (Math.imul(hash, 0x9e3779b1) | 1) >>> 0
}
