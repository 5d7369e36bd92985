/** Base64 (RFC 4648 §4 and §5, either alphabet) from the bytes of its characters: no text is made of what is long. */
import { bytesToText, textToBytes } from './bytes.ts'

/** With padding, in the alphabet of §4. */
export function encodeBase64(bytes: Uint8Array): string {
  const { length } = bytes
  const characters = new Uint8Array(4 * Math.ceil(length / 3)).fill(pad)
  let to = 0
  for (let at = 0; at < length; at += 3) {
    const left = length - at
    const word = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    characters[to] = alphabet[word >> 18]!
    characters[to + 1] = alphabet[(word >> 12) & 63]!
    if (left > 1) characters[to + 2] = alphabet[(word >> 6) & 63]!
    if (left > 2) characters[to + 3] = alphabet[word & 63]!
    to += 4
  }
  return bytesToText(characters)
}

/** Undefined for what is no base64 with its padding. */
export function decodeBase64(characters: Uint8Array): Uint8Array | undefined {
  const { length } = characters
  if (length % 4 !== 0) return undefined
  const padding = length === 0 ? 0 : characters[length - 2] === pad ? 2 : characters[length - 1] === pad ? 1 : 0
  if (padding === 2 && characters[length - 1] !== pad) return undefined
  const bytes = new Uint8Array((length / 4) * 3 - padding)
  const whole = length - (padding > 0 ? 4 : 0)
  let seen = 0
  let to = 0
  for (let at = 0; at < whole; at += 4) {
    const [a, b] = [values[characters[at]!]!, values[characters[at + 1]!]!]
    const [c, d] = [values[characters[at + 2]!]!, values[characters[at + 3]!]!]
    seen |= a | b | c | d
    bytes[to++] = (a << 2) | (b >> 4)
    bytes[to++] = (b << 4) | (c >> 2)
    bytes[to++] = (c << 6) | d
  }
  if (padding > 0) {
    const [a, b] = [values[characters[whole]!]!, values[characters[whole + 1]!]!]
    const c = padding === 1 ? values[characters[whole + 2]!]! : 0
    seen |= a | b | c
    bytes[to++] = (a << 2) | (b >> 4)
    if (padding === 1) bytes[to++] = (b << 4) | (c >> 2)
  }
  return seen < foreign ? bytes : undefined
}

const pad = 0x3d
const foreign = 64
const values = new Uint8Array(256).fill(foreign)
const common = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const alphabet = textToBytes(`${common}+/`)
for (const characters of [alphabet, textToBytes(`${common}-_`)]) {
  for (let value = 0; value < 64; value++) values[characters[value]!] = value
}
