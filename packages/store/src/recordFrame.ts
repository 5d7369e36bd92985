/**
 * How one record stands in a segment file: a header that protects itself, the payload, zeros up to a multiple of 32 bytes.
 *
 * Header, 32 bytes, little-endian: magic u32 | payload length u32 | synced bytes u64 | zero pieces u32 | payload CRC u32 |
 * reserved u32 = 0 | CRC u32 of the 28 bytes before. *Synced bytes* is how much of this file was known durable when the
 * record was written; *zero pieces* counts the parts of the payload that are all zero, when it is cut where the file's
 * 512-byte sectors meet. Both exist to tell a torn write from a changed byte (see `scanSegment.ts`).
 */

import { crc32 } from '@weightless/codec'

/** A record, or the parts that make it when they are put one after another. */
export type Payload = Uint8Array | readonly Uint8Array[]

export type RecordHeader = { payloadBytes: number; syncedBytes: number; zeroPieces: number; payloadCrc: number }

/** Bytes that a record with such a payload takes in the file. */
export function recordBytes(payloadBytes: number): number {
  return Math.ceil((recordHeaderBytes + payloadBytes) / alignBytes) * alignBytes
}

export function lengthOf(payload: Payload): number {
  return payload instanceof Uint8Array ? payload.length : payload.reduce((sum, part) => sum + part.length, 0)
}

/**
 * Lays records one behind another for one write at `startOffset` of a file. Long parts of payloads stand in `parts` as they
 * are, not copied; what lies between them is gathered. @param syncedBytes - how much of the file is known durable
 */
export function layRecords(
  payloads: readonly Payload[],
  startOffset: number,
  syncedBytes: number,
): { parts: Uint8Array[]; byteLength: number; offsets: number[] } {
  const gathered = new Uint8Array(payloads.reduce((sum, payload) => sum + gatheredBytes(payload), 0))
  const parts: Uint8Array[] = []
  const offsets: number[] = []
  let byteLength = 0
  let begun = 0
  let end = 0
  for (const payload of payloads) {
    offsets.push(startOffset + byteLength)
    const pieces = partsOf(payload)
    writeHeader(gathered.subarray(end, end + recordHeaderBytes), pieces, startOffset + byteLength, syncedBytes)
    end += recordHeaderBytes
    for (const piece of pieces) {
      if (piece.length < aloneBytes) {
        gathered.set(piece, end)
        end += piece.length
        continue
      }
      parts.push(gathered.subarray(begun, end), piece)
      begun = end
    }
    const payloadBytes = lengthOf(payload)
    end += fillingOf(payloadBytes)
    byteLength += recordBytes(payloadBytes)
  }
  if (end > begun) parts.push(gathered.subarray(begun, end))
  return { parts, byteLength, offsets }
}

/** What a record needs beside its long parts. */
function gatheredBytes(payload: Payload): number {
  const short = partsOf(payload).reduce((sum, { length }) => sum + (length < aloneBytes ? length : 0), 0)
  return recordHeaderBytes + short + fillingOf(lengthOf(payload))
}

function fillingOf(payloadBytes: number): number {
  return recordBytes(payloadBytes) - recordHeaderBytes - payloadBytes
}

export function partsOf(payload: Payload): readonly Uint8Array[] {
  return payload instanceof Uint8Array ? [payload] : payload
}

function writeHeader(target: Uint8Array, pieces: readonly Uint8Array[], fileOffset: number, syncedBytes: number): void {
  const view = new DataView(target.buffer, target.byteOffset, recordHeaderBytes)
  view.setUint32(0, magic, true)
  view.setUint32(4, lengthOf(pieces), true)
  view.setUint32(8, syncedBytes % 2 ** 32, true)
  view.setUint32(12, Math.floor(syncedBytes / 2 ** 32), true)
  view.setUint32(16, countZeroPieces(pieces, fileOffset + recordHeaderBytes), true)
  view.setUint32(
    20,
    pieces.reduce((crc, piece) => crc32(piece, crc), 0),
    true,
  )
  view.setUint32(24, 0, true)
  view.setUint32(28, crc32(target.subarray(0, 28)), true)
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

/** How many parts of a payload, cut at the sectors of its file, are all zero. @param pieces - the payload, end to end */
export function countZeroPieces(pieces: readonly Uint8Array[], fileOffset: number): number {
  let count = 0
  let offset = fileOffset
  /** Of the sector that `offset` stands in: whether all was zero so far. */
  let isZero = true
  for (const piece of pieces) {
    for (let start = 0; start < piece.length; ) {
      const end = Math.min(piece.length, start + sectorBytes - (offset % sectorBytes))
      let at = start
      while (isZero && at < end && piece[at] === 0) at++
      isZero &&= at === end
      offset += end - start
      start = end
      if (offset % sectorBytes !== 0) continue
      if (isZero) count++
      isZero = true
    }
  }
  return offset % sectorBytes !== 0 && offset > fileOffset && isZero ? count + 1 : count
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
export const sectorBytes = 512
/** A part that is at least so long is written from where it lies. */
const aloneBytes = 16 * 1024
const magic = 0x31524c57 // "WLR1"
const segmentMagic = 0x31534c57 // "WLS1"
