/**
 * Reads CBOR (RFC 8949) as far as attestation documents need it: integers, bytes, text, arrays, maps, null. Strict: shortest
 * heads, no key twice, no bytes left over, few levels and entries. Maps and arrays may have an open end, as some modules write them.
 */
import { need, refuse } from '../refusal.ts'

export type Cbor = number | Uint8Array | string | null | Cbor[] | CborMap
export type CborMap = Map<number | string, Cbor>

const depthMax = 6
const entriesMax = 256
const openEnd = 31
const stop = 0xff

type Reader = { bytes: Uint8Array; at: number }

/** @throws {Refusal} unless the bytes are exactly one value */
export function readCbor(bytes: Uint8Array): Cbor {
  const reader = { bytes, at: 0 }
  const value = readValue(reader, 0)
  need(reader.at === bytes.length, 'malformed', 'bytes follow after a CBOR value')
  return value
}

function readValue(reader: Reader, depth: number): Cbor {
  need(depth < depthMax, 'malformed', 'CBOR is nested too deep')
  const first = next(reader)
  const [major, info] = [first >> 5, first & 31]
  if (major === 0) return readLength(reader, info)
  if (major === 1) return -1 - readLength(reader, info)
  if (major === 2) return take(reader, readLength(reader, info))
  if (major === 3) return toText(take(reader, readLength(reader, info)))
  if (major === 4) return readArray(reader, info, depth)
  if (major === 5) return readMap(reader, info, depth)
  if (first === 0xf6) return null
  return refuse('malformed', `CBOR head ${first} is none that a document has`)
}

function readArray(reader: Reader, info: number, depth: number): Cbor[] {
  const items: Cbor[] = []
  forEntries(reader, info, () => items.push(readValue(reader, depth + 1)))
  return items
}

function readMap(reader: Reader, info: number, depth: number): CborMap {
  const map: CborMap = new Map()
  forEntries(reader, info, () => {
    const key = readValue(reader, depth + 1)
    if (typeof key !== 'number' && typeof key !== 'string')
      return refuse('malformed', 'a CBOR key is neither number nor text')
    need(!map.has(key), 'malformed', `the CBOR key ${key} stands twice`)
    map.set(key, readValue(reader, depth + 1))
  })
  return map
}

function forEntries(reader: Reader, info: number, readEntry: () => void): void {
  const isOpen = info === openEnd
  const count = isOpen ? entriesMax : readLength(reader, info)
  need(count <= entriesMax, 'malformed', 'CBOR has too many entries')
  for (let i = 0; i < count; i++) {
    if (isOpen && reader.bytes[reader.at] === stop) break
    readEntry()
  }
  if (isOpen) need(next(reader) === stop, 'malformed', 'CBOR has too many entries')
}

/** The number in a head, at most 2^53 - 1. */
function readLength(reader: Reader, info: number): number {
  if (info < 24) return info
  need(info <= 27, 'malformed', 'a CBOR head has an unknown length')
  const width = 2 ** (info - 24)
  const value = take(reader, width).reduce((number, byte) => number * 256 + byte, 0)
  need(value <= Number.MAX_SAFE_INTEGER, 'malformed', 'a CBOR number is too large')
  need(value >= (width === 1 ? 24 : 256 ** (width / 2)), 'malformed', 'a CBOR number is not the shortest')
  return value
}

function next(reader: Reader): number {
  return take(reader, 1)[0]!
}

function take(reader: Reader, length: number): Uint8Array {
  need(length <= reader.bytes.length - reader.at, 'malformed', 'CBOR is cut off')
  reader.at += length
  return reader.bytes.subarray(reader.at - length, reader.at)
}

function toText(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return refuse('malformed', 'a CBOR text is no UTF-8')
  }
}
