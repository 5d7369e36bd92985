/**
 * A block of a sorted run: entries one after another (key length u32 | value length + 1 u32, 0 = removed | key | value), where
 * each begins (u32), their count (u32); little-endian. Searched as it stands, without taking it apart.
 */
import { compareKeys, type SortedEntry } from './sortedEntry.ts'

export type RunBlock = { bytes: Uint8Array; view: DataView; count: number }

export function encodeBlock(entries: readonly SortedEntry[]): Uint8Array {
  const bytes = new Uint8Array(entries.reduce((sum, entry) => sum + entryBytes(entry) + 4, 4))
  const view = new DataView(bytes.buffer)
  let at = 0
  const table = bytes.length - 4 - 4 * entries.length
  for (const [index, { key, value }] of entries.entries()) {
    view.setUint32(table + 4 * index, at, true)
    view.setUint32(at, key.length, true)
    view.setUint32(at + 4, value === undefined ? 0 : value.length + 1, true)
    bytes.set(key, at + headBytes)
    if (value) bytes.set(value, at + headBytes + key.length)
    at += headBytes + key.length + (value?.length ?? 0)
  }
  view.setUint32(bytes.length - 4, entries.length, true)
  return bytes
}

export function entryBytes({ key, value }: SortedEntry): number {
  return headBytes + key.length + (value?.length ?? 0)
}

/** The checksum has been looked at before, so what it says of itself is trusted. */
export function openBlock(bytes: Uint8Array): RunBlock {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { bytes, view, count: view.getUint32(bytes.length - 4, true) }
}

/** Views of the block: thousands of small copies would keep the collector busy, where readers keep an entry but briefly. */
export function entryAt(block: RunBlock, index: number): SortedEntry {
  const at = startOf(block, index)
  const keyEnd = at + headBytes + block.view.getUint32(at, true)
  const valueLength = block.view.getUint32(at + 4, true) - 1
  const key = block.bytes.subarray(at + headBytes, keyEnd)
  return { key, value: valueLength < 0 ? undefined : block.bytes.subarray(keyEnd, keyEnd + valueLength) }
}

/** Index of the first entry whose key is >= `key`; `count` if none is. */
export function lowerBoundIn(block: RunBlock, key: Uint8Array): number {
  let low = 0
  let high = block.count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compareKeys(keyAt(block, middle), key) < 0) low = middle + 1
    else high = middle
  }
  return low
}

export function keyAt(block: RunBlock, index: number): Uint8Array {
  const at = startOf(block, index)
  return block.bytes.subarray(at + headBytes, at + headBytes + block.view.getUint32(at, true))
}

function startOf({ view, bytes, count }: RunBlock, index: number): number {
  return view.getUint32(bytes.length - 4 - 4 * (count - index), true)
}

const headBytes = 8
