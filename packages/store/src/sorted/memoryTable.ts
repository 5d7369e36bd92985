/** The newest entries of a sorted store, in memory: pieces of a few hundred, so that an insertion moves little. */
import { type Cursor, compareKeys, type SortedEntry } from './sortedEntry.ts'

export type MemoryTable = {
  /** Undefined when the key is unknown here; an entry without value says that it is removed. */
  find(key: Uint8Array): SortedEntry | undefined
  set(entry: SortedEntry): void
  /** From the first entry >= `key` upwards, or, reversed, from the last entry < `key` downwards; undefined: from the edge. */
  cursor(key: Uint8Array | undefined, reverse: boolean): Cursor
  /** What it holds, with what each entry costs beside its bytes. */
  sizeBytes(): number
}

export function createMemoryTable(): MemoryTable {
  const pieces: SortedEntry[][] = []
  let sizeBytes = 0

  /** The last piece whose first key is <= `key`, or 0. */
  const pieceOf = (key: Uint8Array): number => {
    let low = 0
    let high = pieces.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (compareKeys(pieces[middle]![0]!.key, key) <= 0) low = middle + 1
      else high = middle
    }
    return Math.max(0, low - 1)
  }

  return {
    find(key) {
      const piece = pieces[pieceOf(key)] ?? []
      const found = piece[lowerBound(piece, key)]
      return found && compareKeys(found.key, key) === 0 ? found : undefined
    },
    set(entry) {
      const at = pieceOf(entry.key)
      const piece = pieces[at] ?? []
      if (pieces.length === 0) pieces.push(piece)
      const index = lowerBound(piece, entry.key)
      const before = piece[index]
      if (before && compareKeys(before.key, entry.key) === 0) {
        sizeBytes += (entry.value?.length ?? 0) - (before.value?.length ?? 0)
        piece[index] = entry
        return
      }
      piece.splice(index, 0, entry)
      sizeBytes += entry.key.length + (entry.value?.length ?? 0) + entryCostBytes
      if (piece.length > pieceMax) pieces.splice(at + 1, 0, piece.splice(pieceMax >>> 1))
    },
    cursor(key, reverse) {
      let at = key === undefined ? (reverse ? pieces.length - 1 : 0) : pieceOf(key)
      const bound = key === undefined ? (reverse ? (pieces[at]?.length ?? 0) : 0) : lowerBound(pieces[at] ?? [], key)
      let index = reverse ? bound - 1 : bound
      const settle = (): SortedEntry | undefined => {
        if (!reverse && index >= (pieces[at]?.length ?? 0)) [at, index] = [at + 1, 0]
        if (reverse && index < 0 && at > 0) {
          at--
          index = pieces[at]!.length - 1
        }
        return pieces[at]?.[index]
      }
      const cursor: Cursor = {
        entry: settle(),
        move() {
          index += reverse ? -1 : 1
          cursor.entry = settle()
        },
      }
      return cursor
    },
    sizeBytes: () => sizeBytes,
  }
}

function lowerBound(piece: readonly SortedEntry[], key: Uint8Array): number {
  let low = 0
  let high = piece.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(piece[middle]!.key, key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

const pieceMax = 512
/** Two arrays and an object in V8. */
const entryCostBytes = 250
