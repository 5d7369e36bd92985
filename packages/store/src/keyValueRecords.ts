/**
 * The records of a key-value map. A batch: changes one after the other, each key length u32 | value length u32 + 1 (0 removes
 * the key) | key in UTF-8 | value, little-endian. A snapshot starts with: log position f64 | number of keys u32.
 */
import { bytesToText, textToBytes } from '@weightless/codec'

/** An undefined value removes the key. */
export type Change = { key: string; value: Uint8Array | undefined }

export function encodeBatch(changes: readonly Change[]): Uint8Array {
  const keys = changes.map(({ key }) => textToBytes(key))
  const length = changes.reduce((sum, { value }, at) => sum + 8 + keys[at]!.length + (value?.length ?? 0), 0)
  const bytes = new Uint8Array(length)
  const view = new DataView(bytes.buffer)
  let offset = 0
  for (const [at, { value }] of changes.entries()) {
    const key = keys[at]!
    view.setUint32(offset, key.length, true)
    view.setUint32(offset + 4, value === undefined ? 0 : value.length + 1, true)
    bytes.set(key, offset + 8)
    if (value) bytes.set(value, offset + 8 + key.length)
    offset += 8 + key.length + (value?.length ?? 0)
  }
  return bytes
}

/** Values are copies. The record's checksum has been looked at before, so lengths are trusted. */
export function decodeBatch(bytes: Uint8Array): Change[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const changes: Change[] = []
  for (let offset = 0; offset < bytes.length; ) {
    const keyEnd = offset + 8 + view.getUint32(offset, true)
    const valueLength = view.getUint32(offset + 4, true) - 1
    const key = bytesToText(bytes.subarray(offset + 8, keyEnd))
    const value = valueLength < 0 ? undefined : bytes.slice(keyEnd, keyEnd + valueLength)
    changes.push({ key, value })
    offset = keyEnd + Math.max(0, valueLength)
  }
  return changes
}

export function encodeSnapshotHead(position: number, keyCount: number): Uint8Array {
  const bytes = new Uint8Array(12)
  const view = new DataView(bytes.buffer)
  view.setFloat64(0, position, true)
  view.setUint32(8, keyCount, true)
  return bytes
}

export function decodeSnapshotHead(bytes: Uint8Array): { position: number; keyCount: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  return { position: view.getFloat64(0, true), keyCount: view.getUint32(8, true) }
}
