/** Reads fields of fixed width from bytes of a stranger, little-endian, as Intel's structures are. */
import { refuse } from './refusal.ts'

export type ByteReader = {
  /** Copies nothing. @throws {Refusal} past the end */
  take(length: number): Uint8Array
  uint16(): number
  uint32(): number
  /** How many bytes are left. */
  left(): number
}

/** @param what - named in a refusal */
export function readBytes(bytes: Uint8Array, what: string): ByteReader {
  let at = 0
  const take = (length: number): Uint8Array => {
    if (length > bytes.length - at) refuse('malformed', `${what} ends before its fields do`)
    at += length
    return bytes.subarray(at - length, at)
  }
  return {
    take,
    uint16: () => readLittle(take(2)),
    uint32: () => readLittle(take(4)),
    left: () => bytes.length - at,
  }
}

/** Up to four bytes as an unsigned number. */
export function readLittle(bytes: Uint8Array): number {
  let value = 0
  for (let i = bytes.length - 1; i >= 0; i--) value = value * 256 + bytes[i]!
  return value
}

export function isAllZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}
