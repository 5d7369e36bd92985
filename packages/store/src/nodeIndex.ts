/**
 * Where each 32-byte key's bytes stand: an open-addressing hash table in typed arrays, 16 bytes a slot. Keys are hashes, so
 * their own first bytes spread them; a slot keeps four more bytes of the key, and the caller compares the rest.
 */

export type NodeIndex = {
  /** Calls `matches(position, length)` for each entry that may be this key's until one returns true. */
  find(key: Uint8Array, matches: (position: number, length: number) => boolean): boolean
  /** The caller has made sure that the key is not there. */
  add(key: Uint8Array, position: number, length: number): void
  size(): number
}

export function createNodeIndex(expected = 1024): NodeIndex {
  let slots = 1 << Math.ceil(Math.log2(Math.max(16, expected / loadMax)))
  let positions = new Float64Array(slots)
  let lengths = new Uint32Array(slots)
  let prints = new Uint32Array(slots)
  let size = 0

  const place = (hash: number, print: number, position: number, length: number): void => {
    let at = hash & (slots - 1)
    while (positions[at] !== 0) at = (at + 1) & (slots - 1)
    positions[at] = position
    lengths[at] = length
    prints[at] = print
  }

  const grow = (): void => {
    const old = { positions, lengths, prints }
    slots *= 2
    positions = new Float64Array(slots)
    lengths = new Uint32Array(slots)
    prints = new Uint32Array(slots)
    for (let at = 0; at < old.positions.length; at++) {
      const position = old.positions[at]!
      const print = old.prints[at]!
      if (position !== 0) place(print, print, position, old.lengths[at]!)
    }
  }

  return {
    find: (key, matches) => {
      const print = printOf(key)
      for (let at = print & (slots - 1); positions[at] !== 0; at = (at + 1) & (slots - 1)) {
        if (prints[at] === print && matches(positions[at]!, lengths[at]!)) return true
      }
      return false
    },
    add: (key, position, length) => {
      if (size + 1 > slots * loadMax) grow()
      const print = printOf(key)
      place(print, print, position, length)
      size++
    },
    size: () => size,
  }
}

function printOf(key: Uint8Array): number {
  return (key[0]! | (key[1]! << 8) | (key[2]! << 16) | (key[3]! << 24)) >>> 0
}

const loadMax = 0.6
