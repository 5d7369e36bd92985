/**
 * How rows are named in the index, so that byte order is the order of streams, keys, and versions from new to old. A key of a
 * stream is written with 00 as 00 ff and ends with 00 01: no key is then the beginning of another. Spec: kv §4.
 */
import { concatBytes, readUint32, readUint64, uintToBytes, writeUint64 } from '@weightless/codec'

/** One letter for each kind of row. */
export const tables = {
  value: 0x76,
  stream: 0x78,
  admin: 0x61,
  writer: 0x77,
  keyWriter: 0x6b,
  specialKey: 0x73,
  change: 0x63,
  result: 0x74,
  undo: 0x75,
  undoKeys: 0x55,
  head: 0x6d,
} as const

export type Table = keyof typeof tables

export const versionMax = 2n ** 64n - 1n

export function rowPrefix(table: Table, ...parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes([new Uint8Array([tables[table]]), ...parts])
}

/** Newest first: the row of a version. */
export function atVersion(prefix: Uint8Array, version: bigint): Uint8Array {
  const key = new Uint8Array(prefix.length + versionBytes)
  key.set(prefix)
  writeUint64(key, prefix.length, versionMax - version)
  return key
}

/** Behind every version of a prefix. */
export function afterVersions(prefix: Uint8Array): Uint8Array {
  const key = new Uint8Array(prefix.length + versionBytes + 1).fill(255)
  key.set(prefix)
  return key
}

/** The first key that does not begin with `prefix`, which is never all 255. */
export function afterPrefix(prefix: Uint8Array): Uint8Array {
  let length = prefix.length
  while (length > 0 && prefix[length - 1] === 255) length--
  const next = prefix.slice(0, length)
  next[length - 1]! += 1
  return next
}

export function versionOf(rowKey: Uint8Array): bigint {
  return versionMax - readUint64(rowKey, rowKey.length - versionBytes)
}

/** `ends`: false gives what every key that begins with `key` begins with. */
export function escapeKey(key: Uint8Array, ends = true): Uint8Array {
  const zeros = key.reduce((sum, byte) => sum + (byte === 0 ? 1 : 0), 0)
  const escaped = new Uint8Array(key.length + zeros + (ends ? 2 : 0))
  let at = 0
  for (const byte of key) {
    escaped[at++] = byte
    if (byte === 0) escaped[at++] = 255
  }
  if (ends) escaped[at + 1] = 1
  return escaped
}

/** The key that stands in a row behind `prefixBytes` bytes and before the version. */
export function unescapeKey(rowKey: Uint8Array, prefixBytes: number): Uint8Array {
  const end = rowKey.length - versionBytes - 2
  const key = new Uint8Array(end - prefixBytes)
  let length = 0
  for (let at = prefixBytes; at < end; at++) {
    key[length++] = rowKey[at]!
    if (rowKey[at] === 0) at++
  }
  return key.slice(0, length)
}

export function seqKey(table: 'result' | 'undo' | 'undoKeys', seq: number): Uint8Array {
  const key = new Uint8Array(9)
  key[0] = tables[table]
  writeUint64(key, 1, BigInt(seq))
  return key
}

/** At the end of every row that has versions. */
export const versionBytes = 8

/** The row of what a transaction changed in a stream. */
export function changeKey(streamId: Uint8Array, seq: bigint): Uint8Array {
  return concatBytes([rowPrefix('change', streamId), uintToBytes(seq, 8)])
}

/** Several byte strings as one: each behind its length, u32. */
export function packBytes(parts: readonly Uint8Array[]): Uint8Array {
  return concatBytes(parts.flatMap((part) => [uintToBytes(BigInt(part.length), 4), part]))
}

export function unpackBytes(bytes: Uint8Array): Uint8Array[] {
  const parts: Uint8Array[] = []
  for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + readUint32(bytes, at)
    parts.push(bytes.slice(at + 4, end))
    at = end
  }
  return parts
}
