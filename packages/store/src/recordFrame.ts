/**
 * How one record stands in a segment file: a header that protects itself, then the payload.
 *
 * Header, 32 bytes, little-endian: magic u32 | payload length u32 | synced bytes u64 | zero sectors u32 | payload CRC u32 |
 * reserved u32 = 0 | CRC u32 of the 28 bytes before. *Synced bytes* is how much of this file was known durable when the
 * record was written; *zero sectors* counts the runs of 512 zero bytes, aligned in the payload, that were really written.
 * Both exist to tell a torn write from a changed byte (see `scanSegment.ts`).
 */
import { crc32 } from './crc32.ts'

export type RecordHeader = { payloadBytes: number; syncedBytes: number; zeroSectors: number; payloadCrc: number }

export function writeRecord(target: Uint8Array, offset: number, payload: Uint8Array, syncedBytes: number): void {
  const view = new DataView(target.buffer, target.byteOffset + offset, recordHeaderBytes)
  view.setUint32(0, magic, true)
  view.setUint32(4, payload.length, true)
  view.setUint32(8, syncedBytes % 2 ** 32, true)
  view.setUint32(12, Math.floor(syncedBytes / 2 ** 32), true)
  view.setUint32(16, countZeroSectors(payload), true)
  view.setUint32(20, crc32(payload), true)
  view.setUint32(24, 0, true)
  view.setUint32(28, crc32(target.subarray(offset, offset + 28)), true)
  target.set(payload, offset + recordHeaderBytes)
}

/** The header at the start of `bytes`; undefined if it is not intact. */
export function readRecordHeader(bytes: Uint8Array): RecordHeader | undefined {
  if (bytes.length < recordHeaderBytes) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, recordHeaderBytes)
  if (view.getUint32(0, true) !== magic) return undefined
  if (view.getUint32(28, true) !== crc32(bytes.subarray(0, 28))) return undefined
  return {
    payloadBytes: view.getUint32(4, true),
    syncedBytes: view.getUint32(8, true) + view.getUint32(12, true) * 2 ** 32,
    zeroSectors: view.getUint32(16, true),
    payloadCrc: view.getUint32(20, true),
  }
}

export function countZeroSectors(payload: Uint8Array): number {
  let count = 0
  for (let start = 0; start + sectorBytes <= payload.length; start += sectorBytes) {
    let at = start
    while (at < start + sectorBytes && payload[at] === 0) at++
    if (at === start + sectorBytes) count++
  }
  return count
}

/** Segment file header, 16 bytes: magic u32 | version u32 | file number u32 | CRC u32 of the 12 bytes before. */
export function encodeSegmentHeader(fileNumber: number): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, segmentMagic, true)
  view.setUint32(4, 1, true)
  view.setUint32(8, fileNumber, true)
  view.setUint32(12, crc32(bytes.subarray(0, 12)), true)
  return bytes
}

export const recordHeaderBytes = 32
export const segmentHeaderBytes = 16
/** First bytes of a record header, for the search after a bad one. */
export const magicBytes = Uint8Array.of(0x57, 0x4c, 0x52, 0x31)
const sectorBytes = 512
const magic = 0x31524c57 // "WLR1"
const segmentMagic = 0x31534c57 // "WLS1"
