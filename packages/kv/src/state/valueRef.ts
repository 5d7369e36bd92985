/** What a row says of a value: the bytes themselves where they are few, else where they stand in the log. Spec: kv §4. */
import { bytesToHex, concatBytes, type Hex, hexToBytes, readUint64, writeUint64 } from '@weightless/codec'

export type ValueRef =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'log'
      readonly root: Hex
      readonly fileBytes: number
      readonly offset: number
      readonly length: number
    }

/** Longer values stay in the log. */
export const inlineBytesMax = 4_096

export function encodeValueRef(ref: ValueRef): Uint8Array {
  if (ref.kind === 'inline') return concatBytes([new Uint8Array([0]), ref.bytes])
  const bytes = new Uint8Array(57)
  bytes[0] = 1
  bytes.set(hexToBytes(ref.root), 1)
  writeUint64(bytes, 33, BigInt(ref.fileBytes))
  writeUint64(bytes, 41, BigInt(ref.offset))
  writeUint64(bytes, 49, BigInt(ref.length))
  return bytes
}

/** Rows are our own, so what they say is trusted. */
export function decodeValueRef(bytes: Uint8Array): ValueRef {
  if (bytes[0] === 0) return { kind: 'inline', bytes: bytes.subarray(1) }
  const number = (at: number): number => Number(readUint64(bytes, at))
  return {
    kind: 'log',
    root: bytesToHex(bytes.subarray(1, 33)),
    fileBytes: number(33),
    offset: number(41),
    length: number(49),
  }
}

export function sizeOfRef(ref: ValueRef): number {
  return ref.kind === 'inline' ? ref.bytes.length : ref.length
}
