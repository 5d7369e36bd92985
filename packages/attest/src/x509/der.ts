/**
 * Reads DER (X.690) as far as certificates and revocation lists need it. Strict: definite and shortest lengths, no bytes left
 * over. One value is one `Der`; what is inside is read on demand, so depth is bounded by the reader's own code.
 */
import { bytesToText } from '@weightless/codec'
import { need, refuse } from '../refusal.ts'

/** One value: its tag, its content, and all its bytes from tag to end. */
export type Der = { tag: number; content: Uint8Array; bytes: Uint8Array }

export const derTags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  enumerated: 0x0a,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const

/** Most values in one sequence; the longest known (revoked certificates) are counted in hundreds. */
const itemsMax = 16_384

/** @throws {Refusal} unless the bytes are exactly one value */
export function readDer(bytes: Uint8Array): Der {
  const value = derAt(bytes, 0)
  need(value.bytes.length === bytes.length, 'malformed', 'bytes follow after a DER value')
  return value
}

/** The values inside, at most `itemsMax`. @throws {Refusal} */
export function derItems(parent: Der, tag: number = derTags.sequence): Der[] {
  need(parent.tag === tag, 'malformed', `DER tag ${parent.tag} where ${tag} was expected`)
  const items: Der[] = []
  for (let at = 0; at < parent.content.length; ) {
    need(items.length < itemsMax, 'malformed', 'a DER sequence has too many values')
    const item = derAt(parent.content, at)
    items.push(item)
    at += item.bytes.length
  }
  return items
}

function derAt(bytes: Uint8Array, at: number): Der {
  const tag = bytes[at]
  const first = bytes[at + 1]
  if (tag === undefined || first === undefined) return refuse('malformed', 'a DER value is cut off')
  need((tag & 0x1f) !== 0x1f, 'malformed', 'a DER tag has more than one byte')
  let length = first
  let start = at + 2
  if (first >= 0x80) {
    const width = first - 0x80
    need(width >= 1 && width <= 3, 'malformed', 'a DER length is indefinite or too long')
    length = 0
    for (let i = 0; i < width; i++) length = length * 256 + (bytes[start++] ?? 0)
    need(length >= (width === 1 ? 0x80 : 256 ** (width - 1)), 'malformed', 'a DER length is not the shortest')
  }
  need(start + length <= bytes.length, 'malformed', 'a DER value is cut off')
  return { tag, content: bytes.subarray(start, start + length), bytes: bytes.subarray(at, start + length) }
}

/** The content of a value that must have this tag. @throws {Refusal} */
export function derContent(value: Der | undefined, tag: number): Uint8Array {
  if (value?.tag !== tag) return refuse('malformed', `DER tag ${value?.tag ?? 'none'} where ${tag} was expected`)
  return value.content
}

/** Dotted text of an object identifier. @throws {Refusal} */
export function derOid(value: Der | undefined): string {
  const content = derContent(value, derTags.oid)
  need(content.length >= 1 && content.length <= 32, 'malformed', 'an object identifier has a wrong length')
  const arcs: number[] = []
  let arc = 0
  for (const [i, byte] of content.entries()) {
    need(arc < 2 ** 32 && !(arc === 0 && byte === 0x80), 'malformed', 'an object identifier is not the shortest')
    arc = arc * 128 + (byte & 0x7f)
    if (byte & 0x80) {
      need(i < content.length - 1, 'malformed', 'an object identifier is cut off')
      continue
    }
    arcs.push(arc)
    arc = 0
  }
  const top = Math.min(2, Math.floor(arcs[0]! / 40))
  return [top, arcs[0]! - 40 * top, ...arcs.slice(1)].join('.')
}

/** Content of an INTEGER without the sign byte. @throws {Refusal} for a negative one */
export function derUnsigned(value: Der | undefined): Uint8Array {
  const content = derContent(value, derTags.integer)
  need(content.length >= 1 && content[0]! < 0x80, 'malformed', 'a DER integer is empty or negative')
  if (content.length === 1 || content[0] !== 0) return content
  need(content[1]! >= 0x80, 'malformed', 'a DER integer is not the shortest')
  return content.subarray(1)
}

/** @throws {Refusal} for more than 32 bits */
export function derNumber(value: Der | undefined): number {
  const content = derUnsigned(value)
  need(content.length <= 4, 'malformed', 'a DER integer is too large')
  return content.reduce((number, byte) => number * 256 + byte, 0)
}

export function derBoolean(value: Der | undefined): boolean {
  const content = derContent(value, derTags.boolean)
  need(content.length === 1 && (content[0] === 0 || content[0] === 0xff), 'malformed', 'a DER boolean is neither')
  return content[0] === 0xff
}

/** Whole bytes of a BIT STRING. @throws {Refusal} where bits are unused */
export function derWholeBits(value: Der | undefined): Uint8Array {
  const content = derContent(value, derTags.bitString)
  need(content.length >= 1 && content[0] === 0, 'malformed', 'a bit string has unused bits')
  return content.subarray(1)
}

/** Seconds since the Unix epoch of a UTCTime or GeneralizedTime in the form that RFC 5280 §4.1.2.5 demands. @throws {Refusal} */
export function derTime(value: Der | undefined): number {
  const text = bytesToText(value?.content ?? new Uint8Array())
  const isShort = value?.tag === derTags.utcTime
  need(isShort || value?.tag === derTags.generalizedTime, 'malformed', 'a time has another type')
  const match = (isShort ? /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/ : /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z$/).exec(
    text,
  )
  if (!match) return refuse('malformed', 'a time has another form')
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const fullYear = isShort ? year + (year < 50 ? 2000 : 1900) : year
  const ms = Date.UTC(fullYear, month - 1, day, hour, minute, second)
  const again = new Date(ms)
  const isReal =
    again.getUTCMonth() === month - 1 && again.getUTCDate() === day && hour < 24 && minute < 60 && second < 60
  need(isReal, 'malformed', 'a time is no time')
  return ms / 1000
}

/** r | s of an ECDSA signature in DER, each padded to `width` bytes. @throws {Refusal} */
export function derSignature(bytes: Uint8Array, width: number): Uint8Array {
  const [r, s, rest] = derItems(readDer(bytes))
  need(rest === undefined, 'malformed', 'a signature has more than two numbers')
  const joined = new Uint8Array(2 * width)
  for (const [i, part] of [derUnsigned(r), derUnsigned(s)].entries()) {
    need(part.length <= width, 'malformed', 'a signature is too long for its curve')
    joined.set(part, (i + 1) * width - part.length)
  }
  return joined
}
