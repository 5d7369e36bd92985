/** Hexadecimal strings, which exist only at the JSON edge: bytes and integers to `0x…` and back. */
import { WeightlessError } from './weightlessError.ts'

export type Hex = `0x${string}`

const pairs: string[] = Array.from({ length: 256 }, (_, value) => value.toString(16).padStart(2, '0'))
const nibbles = new Int8Array(128).fill(-1)
for (let value = 0; value < 16; value++) {
  nibbles[value.toString(16).charCodeAt(0)] = value
  nibbles[value.toString(16).toUpperCase().charCodeAt(0)] = value
}

/** Lower-case `0x` hex of all bytes. */
export function bytesToHex(bytes: Uint8Array): Hex {
  let text = '0x'
  for (let i = 0; i < bytes.length; i++) text += pairs[bytes[i]!]
  return text as Hex
}

/**
 * Bytes of a hex string with or without `0x`; an even number of digits.
 * @throws {HexInvalidError}
 */
export function hexToBytes(text: string): Uint8Array {
  const start = text.startsWith('0x') || text.startsWith('0X') ? 2 : 0
  const digits = text.length - start
  if (digits % 2 !== 0) throw new HexInvalidError({ reason: 'odd number of digits', digits })
  const bytes = new Uint8Array(digits / 2)
  for (let i = 0, at = start; i < bytes.length; i++, at += 2) {
    const high = nibbles[text.charCodeAt(at)] ?? -1
    const low = nibbles[text.charCodeAt(at + 1)] ?? -1
    if (high < 0 || low < 0) throw new HexInvalidError({ reason: 'not a hex digit', at })
    bytes[i] = (high << 4) | low
  }
  return bytes
}

/** JSON-RPC quantity: no leading zeros, zero is `0x0`. */
export function quantityToHex(value: bigint | number): Hex {
  return `0x${value.toString(16)}`
}

/**
 * Reads a JSON-RPC quantity (leading zeros tolerated), at most 256 bits.
 * @throws {HexInvalidError}
 */
export function hexToQuantity(text: string): bigint {
  if (!/^0x[0-9a-fA-F]{1,64}$/.test(text)) throw new HexInvalidError({ reason: 'not a quantity' })
  return BigInt(text)
}

/** Whether the text is `0x` and exactly `byteCount` bytes of hex digits. */
export function isHexOf(text: unknown, byteCount: number): text is Hex {
  return typeof text === 'string' && text.length === 2 + 2 * byteCount && /^0x[0-9a-fA-F]*$/.test(text)
}

export class HexInvalidError extends WeightlessError {
  constructor(facts: { reason: string; digits?: number; at?: number }) {
    super('codec/hex-invalid', 'Text is not valid hexadecimal.', facts)
  }
}
