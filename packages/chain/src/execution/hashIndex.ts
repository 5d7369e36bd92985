/**
 * Where each transaction stands, by hash: open addressing over typed arrays, 16 bytes a slot, because a Map of hex strings
 * takes ten times as much. Only eight bytes of the hash are kept; the caller compares the rest with the transaction itself.
 */
export type HashIndex = {
  add(hash: Uint8Array, block: number, index: number): void
  /** Forgets everything about blocks above `block`. */
  cutAbove(block: number): void
  /** First place for which `matches` holds. */
  find(
    hash: Uint8Array,
    matches: (block: number, index: number) => boolean,
  ): { block: number; index: number } | undefined
  size(): number
}

const free = 0
const removed = 0xffffffff
const slotWords = 4

export function createHashIndex(): HashIndex {
  let mask = 1023
  // Words of a slot: low half of the hash, high half, block + 1 (or `free`, `removed`), index.
  let table = new Uint32Array((mask + 1) * slotWords)
  let used = 0
  let size = 0

  function place(low: number, high: number, block: number, index: number): void {
    let slot = low & mask
    while (table[slot * slotWords + 2] !== free) slot = (slot + 1) & mask
    table.set([low, high, block + 1, index], slot * slotWords)
    used++
  }

  function grow(): void {
    const old = table
    mask = mask * 2 + 1
    table = new Uint32Array((mask + 1) * slotWords)
    used = 0
    for (let at = 0; at < old.length; at += slotWords) {
      const block = old[at + 2]!
      if (block !== free && block !== removed) place(old[at]!, old[at + 1]!, block - 1, old[at + 3]!)
    }
  }

  /** The slot's first word, or -1. */
  function locate(hash: Uint8Array, matches: (block: number, index: number) => boolean): number {
    const low = wordOf(hash, 0)
    const high = wordOf(hash, 4)
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * slotWords
      const block = table[at + 2]!
      if (block === free) return -1
      if (block === removed || table[at] !== low || table[at + 1] !== high) continue
      if (matches(block - 1, table[at + 3]!)) return at
    }
  }

  return {
    add(hash, block, index) {
      if ((used + 1) * 2 > mask) grow()
      place(wordOf(hash, 0), wordOf(hash, 4), block, index)
      size++
    },
    cutAbove(limit) {
      for (let at = 2; at < table.length; at += slotWords) {
        const block = table[at]!
        if (block === free || block === removed || block - 1 <= limit) continue
        table[at] = removed
        size--
      }
    },
    find(hash, matches) {
      const at = locate(hash, matches)
      return at < 0 ? undefined : { block: table[at + 2]! - 1, index: table[at + 3]! }
    },
    size: () => size,
  }
}

function wordOf(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
}
