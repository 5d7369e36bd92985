/** Keeps the newest pieces of a growing log in memory, so that what was just written is read without the disk. */

export type RecentBytes = {
  /** Pieces come in the order of their positions. */
  add(position: number, bytes: Uint8Array): void
  /** A view of `length` bytes at `position`, if they lie in a kept piece. */
  get(position: number, length: number): Uint8Array | undefined
}

export function createRecentBytes(bytesMax: number): RecentBytes {
  let pieces: { position: number; bytes: Uint8Array }[] = []
  let first = 0
  let heldBytes = 0
  return {
    add: (position, bytes) => {
      // A view into a larger read would keep all of that in memory.
      pieces.push({ position, bytes: bytes.buffer.byteLength > bytes.length * 2 ? bytes.slice() : bytes })
      heldBytes += bytes.length
      while (heldBytes > bytesMax && first < pieces.length) {
        heldBytes -= pieces[first]!.bytes.length
        pieces[first++] = emptied
      }
      if (first > 1024 && first * 2 > pieces.length) {
        pieces = pieces.slice(first)
        first = 0
      }
    },
    get: (position, length) => {
      let low = first
      let high = pieces.length
      while (low < high) {
        const middle = (low + high) >>> 1
        if (pieces[middle]!.position <= position) low = middle + 1
        else high = middle
      }
      const piece = low > first ? pieces[low - 1]! : undefined
      if (!piece || position + length > piece.position + piece.bytes.length) return undefined
      const start = position - piece.position
      return piece.bytes.subarray(start, start + length)
    },
  }
}

const emptied = { position: 0, bytes: new Uint8Array(0) }
