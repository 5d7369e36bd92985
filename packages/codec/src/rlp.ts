/**
 * Recursive Length Prefix, Ethereum's wire form: byte strings and lists of them.
 *
 * Spec: Ethereum Yellow Paper, appendix B. Decoding is strict: only the shortest form of each length is accepted, and
 * nothing may follow the item. Decoded byte strings are views into the input, not copies.
 */
import { WeightlessError } from './weightlessError.ts'

export type RlpItem = Uint8Array | readonly RlpItem[]

/** One item, its payload being `bytes[start, end)`; `end` is also where the next item begins. */
export type RlpSpan = { list: boolean; start: number; end: number }

export function encodeRlp(item: RlpItem): Uint8Array {
  const bytes = new Uint8Array(encodedLength(item))
  writeItem(bytes, 0, item)
  return bytes
}

/** Concatenation of already encoded items, wrapped as one list. */
export function wrapRlpList(encodedItems: readonly Uint8Array[]): Uint8Array {
  let payload = 0
  for (const item of encodedItems) payload += item.length
  const bytes = new Uint8Array(prefixLength(payload) + payload)
  let at = writePrefix(bytes, 0, payload, 0xc0)
  for (const item of encodedItems) {
    bytes.set(item, at)
    at += item.length
  }
  return bytes
}

/**
 * The one item that `bytes` holds, at most `depthMax` lists deep.
 * @throws {RlpInvalidError}
 */
export function decodeRlp(bytes: Uint8Array, depthMax = 16): RlpItem {
  const span = readRlpSpan(bytes, 0, bytes.length)
  if (span.end !== bytes.length) throw new RlpInvalidError({ reason: 'bytes after the item', at: span.end })
  return materialise(bytes, span, depthMax)
}

/**
 * Reads the prefix at `at`; the item must end at or before `limit`.
 * @throws {RlpInvalidError}
 */
export function readRlpSpan(bytes: Uint8Array, at: number, limit: number): RlpSpan {
  if (at >= limit) throw new RlpInvalidError({ reason: 'truncated', at })
  const prefix = bytes[at]!
  if (prefix < 0x80) return { list: false, start: at, end: at + 1 }
  const list = prefix >= 0xc0
  const short = prefix - (list ? 0xc0 : 0x80)
  let start = at + 1
  let length = short
  if (short > 55) {
    length = readLength(bytes, start, short - 55, limit)
    start += short - 55
  }
  const end = start + length
  if (end > limit) throw new RlpInvalidError({ reason: 'truncated', at })
  if (!list && length === 1 && bytes[start]! < 0x80) throw new RlpInvalidError({ reason: 'not the shortest form', at })
  return { list, start, end }
}

/** Big-endian without leading zeros; zero is the empty string. */
export function uintToRlp(value: bigint | number): Uint8Array {
  let digits = value.toString(16)
  if (digits === '0') return empty
  if (digits.length % 2 === 1) digits = `0${digits}`
  const bytes = new Uint8Array(digits.length / 2)
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(digits.slice(2 * i, 2 * i + 2), 16)
  return bytes
}

/** @throws {RlpInvalidError} for a list */
export function asRlpBytes(item: RlpItem | undefined): Uint8Array {
  if (item instanceof Uint8Array) return item
  throw new RlpInvalidError({ reason: 'expected a byte string' })
}

/** @throws {RlpInvalidError} for a byte string */
export function asRlpList(item: RlpItem | undefined): readonly RlpItem[] {
  if (item !== undefined && !(item instanceof Uint8Array)) return item
  throw new RlpInvalidError({ reason: 'expected a list' })
}

/** @throws {RlpInvalidError} for leading zeros or more than 32 bytes */
export function rlpToUint(item: RlpItem | undefined): bigint {
  const bytes = asRlpBytes(item)
  if (bytes.length > 32) throw new RlpInvalidError({ reason: 'integer above 256 bits' })
  if (bytes.length > 0 && bytes[0] === 0) throw new RlpInvalidError({ reason: 'integer with leading zeros' })
  return spanToUint(bytes, 0, bytes.length)
}

/** The big-endian integer in `bytes[start, end)`; quick for values below 2^48. */
export function spanToUint(bytes: Uint8Array, start: number, end: number): bigint {
  if (end - start <= 6) {
    let small = 0
    for (let i = start; i < end; i++) small = small * 256 + bytes[i]!
    return BigInt(small)
  }
  let digits = '0x'
  for (let i = start; i < end; i++) digits += bytes[i]!.toString(16).padStart(2, '0')
  return BigInt(digits)
}

const empty = new Uint8Array(0)

function encodedLength(item: RlpItem): number {
  if (item instanceof Uint8Array) {
    return item.length === 1 && item[0]! < 0x80 ? 1 : prefixLength(item.length) + item.length
  }
  const payload = payloadLength(item)
  return prefixLength(payload) + payload
}

function payloadLength(list: readonly RlpItem[]): number {
  let payload = 0
  for (const item of list) payload += encodedLength(item)
  return payload
}

function prefixLength(payload: number): number {
  return payload <= 55 ? 1 : 1 + lengthBytes(payload)
}

function lengthBytes(value: number): number {
  let count = 1
  for (let rest = value; rest >= 256; rest = Math.floor(rest / 256)) count++
  return count
}

function writePrefix(target: Uint8Array, at: number, payload: number, base: 0x80 | 0xc0): number {
  if (payload <= 55) {
    target[at] = base + payload
    return at + 1
  }
  const count = lengthBytes(payload)
  target[at] = base + 55 + count
  let rest = payload
  for (let i = count; i >= 1; i--) {
    target[at + i] = rest % 256
    rest = Math.floor(rest / 256)
  }
  return at + 1 + count
}

function writeItem(target: Uint8Array, at: number, item: RlpItem): number {
  if (item instanceof Uint8Array) {
    if (item.length === 1 && item[0]! < 0x80) {
      target[at] = item[0]!
      return at + 1
    }
    const start = writePrefix(target, at, item.length, 0x80)
    target.set(item, start)
    return start + item.length
  }
  let next = writePrefix(target, at, payloadLength(item), 0xc0)
  for (const child of item) next = writeItem(target, next, child)
  return next
}

function readLength(bytes: Uint8Array, at: number, count: number, limit: number): number {
  if (count > 6) throw new RlpInvalidError({ reason: 'length too large', at })
  if (at + count > limit) throw new RlpInvalidError({ reason: 'truncated', at })
  let length = 0
  for (let i = 0; i < count; i++) length = length * 256 + bytes[at + i]!
  if (bytes[at] === 0 || length <= 55) throw new RlpInvalidError({ reason: 'not the shortest form', at })
  return length
}

function materialise(bytes: Uint8Array, span: RlpSpan, depthLeft: number): RlpItem {
  if (!span.list) return bytes.subarray(span.start, span.end)
  if (depthLeft === 0) throw new RlpInvalidError({ reason: 'nested too deeply', at: span.start })
  const items: RlpItem[] = []
  for (let at = span.start; at < span.end; ) {
    const child = readRlpSpan(bytes, at, span.end)
    items.push(materialise(bytes, child, depthLeft - 1))
    at = child.end
  }
  return items
}

export class RlpInvalidError extends WeightlessError {
  constructor(facts: { reason: string; at?: number }) {
    super('codec/rlp-invalid', 'Bytes are not valid RLP.', facts)
  }
}
