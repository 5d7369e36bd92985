/** Plain operations on byte arrays and fixed-width integers, big-endian unless the name says otherwise. */

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0
  for (const part of parts) length += part.length
  const joined = new Uint8Array(length)
  let at = 0
  for (const part of parts) {
    joined.set(part, at)
    at += part.length
  }
  return joined
}

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}

/** Unsigned integer to exactly `width` bytes; the caller guarantees that it fits. */
export function uintToBytes(value: bigint, width: number): Uint8Array {
  const bytes = new Uint8Array(width)
  let rest = value
  for (let i = width - 1; i >= 0; i--) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

export function bytesToUint(bytes: Uint8Array): bigint {
  let value = 0n
  for (const byte of bytes) value = (value << 8n) | BigInt(byte)
  return value
}

export function textToBytes(text: string): Uint8Array {
  return encoder.encode(text)
}

/** UTF-8; malformed sequences become U+FFFD. */
export function bytesToText(bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

const encoder = new TextEncoder()
const decoder = new TextDecoder()
