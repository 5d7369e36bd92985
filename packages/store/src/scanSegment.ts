/**
 * Walks a segment file from its start and tells a torn tail, which a crash leaves and which is cut, from corrupt data,
 * which is refused and named.
 *
 * A crash can only spoil what was not yet synced. It leaves (a) a file that ends inside a record, or (b) on file systems
 * that write out of order, sectors of zeros inside it. So a bad record is torn only if the file ends inside it, or its
 * header is all zeros, or it has more zero pieces than were written; and never if an intact record behind it says that
 * this place was already synced, or if the change of one byte explains the difference. Everything else is corruption: a
 * changed byte alone neither shortens a file nor empties a sector, unless the record has but one byte in it.
 */
import { bytesEqual, crc32, WeightlessError } from '@weightless/codec'
import type { File } from '@weightless/env'
import { isOneByteZeroed } from './isOneByteZeroed.ts'
import {
  alignBytes,
  countZeroPieces,
  encodeSegmentHeader,
  magicBytes,
  type RecordHeader,
  readRecordHeader,
  recordBytes,
  recordHeaderBytes,
  sectorBytes,
  segmentHeaderBytes,
} from './recordFrame.ts'

export type ScannedRecord = { offset: number; payload: Uint8Array }

/** Where the intact records end, how many torn bytes follow, and up to where the records say that they were synced. */
export type ScanEnd = { endOffset: number; tornBytes: number; syncedOffset: number }

/**
 * Calls `onRecord` for each intact record in order. `payload` is a view into a buffer that is not reused.
 * @param onDamaged where it is given, damaged places are told and passed over
 * @throws {LogCorruptError}
 */
export async function scanSegment(
  file: File,
  path: string,
  fileNumber: number,
  onRecord: (record: ScannedRecord) => void,
  onDamaged?: (fault: LogCorruptError) => void,
): Promise<ScanEnd> {
  const sizeBytes = await file.size()
  if (await isHeaderTorn(file, path, fileNumber, sizeBytes, onDamaged))
    return { endOffset: 0, tornBytes: sizeBytes, syncedOffset: 0 }
  const reader = createWindowReader(file, sizeBytes)
  let offset = segmentHeaderBytes
  let syncedOffset = segmentHeaderBytes
  while (offset < sizeBytes) {
    const found = await readRecordAt(reader, offset, sizeBytes)
    if (!('payload' in found)) {
      if (found.torn && !(await isSyncedLater(reader, offset, sizeBytes))) break
      const fault = new LogCorruptError({ path, offset, reason: found.reason })
      if (!onDamaged) throw fault
      onDamaged(fault)
      offset = await findIntact(reader, offset, sizeBytes)
      continue
    }
    onRecord({ offset, payload: found.payload })
    syncedOffset = Math.max(syncedOffset, found.header.syncedBytes)
    offset += recordBytes(found.payload.length)
  }
  return { endOffset: offset, tornBytes: sizeBytes - offset, syncedOffset }
}

async function isHeaderTorn(
  file: File,
  path: string,
  fileNumber: number,
  sizeBytes: number,
  onDamaged?: (fault: LogCorruptError) => void,
): Promise<boolean> {
  const header = await file.read(0, segmentHeaderBytes)
  if (bytesEqual(header, encodeSegmentHeader(fileNumber))) return false
  // A file gets its first record only after its header is durable.
  if (sizeBytes < segmentHeaderBytes || (sizeBytes === segmentHeaderBytes && isZero(header))) return true
  const fault = new LogCorruptError({ path, offset: 0, reason: 'the file header is not intact' })
  if (!onDamaged) throw fault
  onDamaged(fault)
  return false
}

/** Where the next record header behind a damaged record stands; the end of the file when there is none. */
async function findIntact(reader: WindowReader, offset: number, sizeBytes: number): Promise<number> {
  const damaged = readRecordHeader(await reader(offset, recordHeaderBytes))
  let next = offset + (damaged ? recordBytes(damaged.payloadBytes) : alignBytes)
  while (next < sizeBytes && !readRecordHeader(await reader(next, recordHeaderBytes))) next += alignBytes
  return Math.min(next, Math.ceil(sizeBytes / alignBytes) * alignBytes)
}

type BadRecord = { torn: boolean; reason: string }

async function readRecordAt(
  reader: WindowReader,
  offset: number,
  sizeBytes: number,
): Promise<BadRecord | { payload: Uint8Array; header: RecordHeader }> {
  const head = await reader(offset, recordHeaderBytes)
  if (head.length < recordHeaderBytes) return { torn: true, reason: 'the file ends inside a record header' }
  const header = readRecordHeader(head)
  if (!header) return { torn: isZero(head), reason: 'a record header is not intact' }
  const start = offset + recordHeaderBytes
  const { payloadBytes, payloadCrc, zeroPieces } = header
  const end = offset + recordBytes(payloadBytes)
  if (end > sizeBytes) return { torn: true, reason: 'the file ends inside a record' }
  const whole = await reader(start, end - start)
  const payload = whole.subarray(0, payloadBytes)
  if (!isZero(whole.subarray(payloadBytes))) return { torn: false, reason: 'the filling after a record is not zero' }
  const crc = crc32(payload)
  if (crc === payloadCrc) return { payload, header }
  // Of a payload that reaches one byte into a sector, a lost sector leaves what a changed byte does: power fails more often.
  const isLoneByte = (start + payloadBytes) % sectorBytes === 1 && payload.at(-1) === 0
  const torn =
    countZeroPieces([payload], start) > zeroPieces && (isLoneByte || !isOneByteZeroed(payload, crc, payloadCrc))
  return { torn, reason: 'a record does not match its checksum' }
}

/** Whether an intact record header behind `offset` proves that `offset` had been synced. */
async function isSyncedLater(reader: WindowReader, offset: number, sizeBytes: number): Promise<boolean> {
  for (let at = offset + 1; at < sizeBytes; at += searchBytes) {
    const window = await reader(at, searchBytes + recordHeaderBytes)
    for (let i = 0; i < Math.min(window.length, searchBytes); i++) {
      if (window[i] !== magicBytes[0] || window[i + 1] !== magicBytes[1]) continue
      const header = readRecordHeader(window.subarray(i))
      if (header && header.syncedBytes > offset) return true
    }
  }
  return false
}

type WindowReader = (offset: number, length: number) => Promise<Uint8Array>

/** Reads ahead in large pieces; a returned view stays valid, because each piece is a buffer of its own. */
function createWindowReader(file: File, sizeBytes: number): WindowReader {
  let windowStart = 0
  let window = new Uint8Array(0)
  return async (offset, length) => {
    const end = Math.min(offset + length, sizeBytes)
    if (offset < windowStart || end > windowStart + window.length) {
      windowStart = offset
      window = (await file.read(offset, Math.max(end - offset, windowBytes))) as Uint8Array<ArrayBuffer>
    }
    return window.subarray(offset - windowStart, end - windowStart)
  }
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0)
}

const windowBytes = 8 * 1024 * 1024
const searchBytes = 1024 * 1024

/** Data that was once durable has changed; `offset` is the start of the first record that is not intact. */
export class LogCorruptError extends WeightlessError {
  constructor(facts: { path: string; offset: number; reason: string }) {
    super('store/log-corrupt', 'A data file is damaged.', facts, {
      hint: 'Restore this file from a copy, or remove the data folder to start afresh.',
    })
  }
}
