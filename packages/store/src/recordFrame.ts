/**
 * How one record stands in a segment file: a header that protects itself, the payload, zeros up to a multiple of 32 bytes.
 *
 * Header, 32 bytes, little-endian: magic u32 | payload length u32 | synced bytes u64 | zero pieces u32 | payload CRC u32 |
 * reserved u32 = 0 | CRC u32 of the 28 bytes before. *Synced bytes* is how much of this file was known durable when the
 * record was written; *zero pieces* counts the parts of the payload that are all zero, when it is cut where the file's
 * 512-byte sectors meet. Both exist to tell a torn write from a changed byte (see `scanSegment.ts`).
 */

import { crc32 } from '@weightless/codec'
export type RecordHeader = { payloadBytes: number; syncedBytes: number; zeroPieces: number; payloadCrc: number }

/** Bytes that a record with such a payload takes in the file. */
export function recordBytes(payloadBytes: number): number {
  return Math.ceil((recordHeaderBytes + payloadBytes) / alignBytes) * alignBytes
}

export function lengthOf(payload: Uint8Array | readonly Uint8Array[]): number {
  return payload instanceof Uint8Array ? payload.length : payload.reduce((sum, part) => sum + part.length, 0)
}

/** @param fileOffset - where the record will stand in its file; `target` must be zero there */
export function writeRecord(
  target: Uint8Array,
  at: number,
  {
    payload,
    fileOffset,
    syncedBytes,
  }: { payload: Uint8Array | readonly Uint8Array[]; fileOffset: number; syncedBytes: number },
): void {
  const start = at + recordHeaderBytes
  let end = start
  for (const part of payload instanceof Uint8Array ? [payload] : payload) {
    target.set(part, end)
    end += part.length
  }
  const written = target.subarray(start, end)
  const view = new DataView(target.buffer, target.byteOffset + at, recordHeaderBytes)
  view.setUint32(0, magic, true)
  view.setUint32(4, written.length, true)
  view.setUint32(8, syncedBytes % 2 ** 32, true)
  view.setUint32(12, Math.floor(syncedBytes / 2 ** 32), true)
  view.setUint32(16, countZeroPieces(written, fileOffset + recordHeaderBytes), true)
  view.setUint32(20, crc32(written), true)
  view.setUint32(24, 0, true)
  view.setUint32(28, crc32(target.subarray(at, at + 28)), true)
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
    zeroPieces: view.getUint32(16, true),
    payloadCrc: view.getUint32(20, true),
  }
}

/** How many parts of `payload`, cut at the sectors of its file, are all zero. */
export function countZeroPieces(payload: Uint8Array, fileOffset: number): number {
  let count = 0
  for (let start = 0; start < payload.length; ) {
    const end = Math.min(payload.length, start + sectorBytes - ((fileOffset + start) % sectorBytes))
    let at = start
    while (at < end && payload[at] === 0) at++
    if (at === end) count++
    start = end
  }
  return count
}

/**
 * Segment file header, 32 bytes: magic u32 | version u32 | file number u32 | 1 if given back, u32 | 12 zeros | CRC u32 of
 * the 28 bytes before.
 */
export function encodeSegmentHeader(fileNumber: number, isHusk = false): Uint8Array {
  const bytes = new Uint8Array(segmentHeaderBytes)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, segmentMagic, true)
  view.setUint32(4, 1, true)
  view.setUint32(8, fileNumber, true)
  view.setUint32(12, isHusk ? 1 : 0, true)
  view.setUint32(28, crc32(bytes.subarray(0, 28)), true)
  return bytes
}

export const recordHeaderBytes = 32
export const segmentHeaderBytes = 32
/** First bytes of a record header, for the search after a bad one. */
export const magicBytes = Uint8Array.of(0x57, 0x4c, 0x52, 0x31)
/** Divides the sector size, so that no header lies across two sectors. */
export const alignBytes = 32
const sectorBytes = 512
const magic = 0x31524c57 // "WLR1"
const segmentMagic = 0x31534c57 // "WLS1"
