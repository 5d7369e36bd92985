/**
 * An append-only log of records in numbered files, safe at every crash: a record is there whole or not at all, and once
 * `sync` has resolved it stays.
 */
import { crc32, WeightlessError } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import { createSegment, emptySegment, fileFactor, openSegments, type Segment, segmentPath } from './openSegments.ts'
import { isPlanted } from './plantedBugs.ts'
import {
  alignBytes,
  layRecords,
  type Payload,
  readRecordHeader,
  recordBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
} from './recordFrame.ts'
import { LogCorruptError } from './scanSegment.ts'
import type { SegmentLogOptions } from './segmentLogOptions.ts'
import { shareFlushes } from './shareFlushes.ts'

/** A position is a plain number below 2^53, growing with each record: file number * 2^32 + offset in the file. */
export type SegmentLog = {
  /** Writes the records in one piece; they are readable at once, durable after `sync`. @throws {LogFailedError} */
  append(payloads: readonly Payload[]): Promise<number[]>
  /** Everything appended before the call is durable when it resolves; who comes while a flush is under way shares the next. */
  sync(): Promise<void>
  /**
   * @param payloadBytes how long the record is, where the caller knows: it is then read in one piece
   * @throws {LogCorruptError} the record no longer matches its checksum @throws {PositionInvalidError}
   */
  read(position: number, payloadBytes?: number): Promise<Uint8Array>
  readSync(position: number): Uint8Array
  /** Of a file's first record; undefined when it has none. */
  firstPosition(fileNumber: number): number | undefined
  /** Of the record behind this one in the same file, past places that are not intact; undefined behind the last. */
  nextPosition(position: number): Promise<number | undefined>
  /** `length` bytes of a file from `place` on, counted as positions are; no checksum is looked at. */
  readRawSync(place: number, length: number): Uint8Array
  /** Records from `position` (the oldest by default) to the newest at the time of the call. */
  iterate(position?: number): AsyncIterable<{ position: number; payload: Uint8Array }>
  /** Removes whole files that lie entirely before `position`. */
  dropBefore(position: number): Promise<void>
  /**
   * Gives the room of one file back, wherever it stands; its records are gone. An empty husk stays in the row of numbers.
   * The newest file stays as it is. Durable when it resolves.
   */
  dropFile(fileNumber: number): Promise<void>
  /** Files with records, oldest first, the newest included; sizes with headers and filling. */
  files(): { fileNumber: number; sizeBytes: number }[]
  /** Begins a new file, so that `dropBefore(the position returned)` removes all that was before. */
  roll(): Promise<number>
  /** The position that the next record will get. */
  end(): number
  sizeBytes(): number
  close(): Promise<void>
}

/** @throws {LogCorruptError} a file is damaged or missing; a torn tail is cut and reported instead */
export async function openSegmentLog(disk: Disk, folder: string, options: SegmentLogOptions = {}): Promise<SegmentLog> {
  const { segmentBytesMax = 64 * 1024 * 1024 } = options
  const segments = await openSegments(disk, folder, options)
  let failure: unknown
  let lateWrite: (() => Promise<void>) | undefined
  let queue: Promise<unknown> = Promise.resolve()

  /** One operation at a time, in order, but for flushes, beside which records are written; a caller's fault does not stop the next one. */
  const inOrder = <Value>(run: () => Promise<Value>): Promise<Value> => {
    const result = queue.then(() => {
      if (failure !== undefined) throw new LogFailedError({ folder }, { cause: failure })
      return run()
    })
    queue = result.catch(() => undefined)
    return result
  }
  const fail = (error: unknown): never => {
    failure = error
    throw error
  }

  const flush = async (): Promise<void> => {
    const segment = segments.at(-1)!
    const { endOffset } = segment
    if (segment.syncedBytes === endOffset) return
    // After a failed flush the system may have dropped the pages: nothing written since is sure, so nothing more is taken.
    const late = lateWrite
    lateWrite = undefined
    if (!isPlanted('skip-fsync')) await segment.file!.sync().catch(fail)
    await late?.()
    segment.syncedBytes = endOffset
  }
  const flushes = shareFlushes(inOrder, flush)

  const addSegment = async (): Promise<Segment> => {
    await flushes.underWay()
    await flush()
    const fileNumber = segments.at(-1)!.fileNumber + 1
    try {
      segments.push(await createSegment(disk, folder, fileNumber))
    } catch (error) {
      await disk.remove(segmentPath(folder, fileNumber)).catch(fail)
      throw error
    }
    return segments.at(-1)!
  }

  const write = async (payloads: readonly Payload[]): Promise<number[]> => {
    let segment = segments.at(-1)!
    if (segment.endOffset >= segmentBytesMax) segment = await addSegment()
    const { parts, byteLength, offsets } = layRecords(payloads, segment.endOffset, segment.syncedBytes)
    const { endOffset } = segment
    const file = segment.file!
    try {
      if (isPlanted('swap-write-order')) lateWrite = () => file.write(endOffset, parts)
      else await file.write(endOffset, parts)
    } catch (error) {
      // A half-written record must not stand before the next one.
      await file.truncate(segment.endOffset).catch(fail)
      throw error
    }
    segment.endOffset += byteLength
    return offsets.map((offset) => segment.fileNumber * fileFactor + offset)
  }

  return {
    append: (payloads) => inOrder(() => write(payloads)),
    sync: flushes.sync,
    ...createReader(segments, folder),
    roll: () =>
      inOrder(async () =>
        endOf(segments.at(-1)!.endOffset > segmentHeaderBytes ? await addSegment() : segments.at(-1)!),
      ),
    dropBefore: (position) => inOrder(() => dropFiles(disk, folder, segments, Math.floor(position / fileFactor))),
    dropFile: (fileNumber) =>
      inOrder(async () => {
        const segment = segments.slice(0, -1).find((each) => each.fileNumber === fileNumber)
        if (segment?.file) await emptySegment(segment)
      }),
    files: () => listFiles(segments),
    end: () => endOf(segments.at(-1)!),
    sizeBytes: () => segments.reduce((sum, { endOffset }) => sum + endOffset, 0),
    close: async () => {
      await flushes.all()
      await queue
      await Promise.all(segments.map(({ file }) => file?.close()))
    },
  }
}

async function dropFiles(disk: Disk, folder: string, segments: Segment[], beforeFile: number): Promise<void> {
  while (segments.length > 1 && segments[0]!.fileNumber < beforeFile) {
    const { fileNumber, file } = segments.shift()!
    await file?.close()
    await disk.remove(segmentPath(folder, fileNumber))
  }
  await disk.syncFolder(folder)
}

function listFiles(segments: readonly Segment[]): { fileNumber: number; sizeBytes: number }[] {
  return segments
    .filter(({ endOffset }) => endOffset > segmentHeaderBytes)
    .map(({ fileNumber, endOffset }) => ({ fileNumber, sizeBytes: endOffset }))
}

function endOf({ fileNumber, endOffset }: Segment): number {
  return fileNumber * fileFactor + endOffset
}

function createReader(segments: readonly Segment[], folder: string) {
  const locate = (position: number) => {
    const fileNumber = Math.floor(position / fileFactor)
    const offset = position % fileFactor
    const segment = segments[fileNumber - (segments[0]?.fileNumber ?? 0)]
    if (!segment?.file || offset + recordHeaderBytes > segment.endOffset || offset < segmentHeaderBytes) {
      throw new PositionInvalidError({ folder, position })
    }
    return { file: segment.file, offset, path: segmentPath(folder, fileNumber) }
  }
  const headerOf = (bytes: Uint8Array, offset: number, path: string) => {
    const header = readRecordHeader(bytes)
    if (!header) throw new LogCorruptError({ path, offset, reason: 'a record header is not intact' })
    return header
  }
  const check = (payload: Uint8Array, crc: number, offset: number, path: string): Uint8Array => {
    if (crc32(payload) === crc || isPlanted('ignore-rot')) return payload
    throw new LogCorruptError({ path, offset, reason: 'a record does not match its checksum' })
  }
  const read = async (position: number, expectedBytes = 0): Promise<Uint8Array> => {
    const { file, offset, path } = locate(position)
    const bytes = await file.read(offset, recordHeaderBytes + expectedBytes)
    const { payloadBytes, payloadCrc } = headerOf(bytes, offset, path)
    const payload =
      payloadBytes <= expectedBytes
        ? bytes.subarray(recordHeaderBytes, recordHeaderBytes + payloadBytes)
        : await file.read(offset + recordHeaderBytes, payloadBytes)
    return check(payload, payloadCrc, offset, path)
  }
  return {
    read,
    readSync: (position: number): Uint8Array => {
      const { file, offset, path } = locate(position)
      const { payloadBytes, payloadCrc } = headerOf(file.readSync(offset, recordHeaderBytes), offset, path)
      return check(file.readSync(offset + recordHeaderBytes, payloadBytes), payloadCrc, offset, path)
    },
    firstPosition: (fileNumber: number) => {
      const segment = segments[fileNumber - (segments[0]?.fileNumber ?? 0)]
      if (!segment?.file || segment.endOffset === segmentHeaderBytes) return undefined
      return fileNumber * fileFactor + segmentHeaderBytes
    },
    nextPosition: async (position: number): Promise<number | undefined> => {
      const { file, offset } = locate(position)
      const { endOffset } = segments[Math.floor(position / fileFactor) - segments[0]!.fileNumber]!
      const header = readRecordHeader(await file.read(offset, recordHeaderBytes))
      let next = offset + (header ? recordBytes(header.payloadBytes) : alignBytes)
      while (next < endOffset && !readRecordHeader(await file.read(next, recordHeaderBytes))) next += alignBytes
      return next < endOffset ? position - offset + next : undefined
    },
    readRawSync: (place: number, length: number): Uint8Array => {
      const segment = segments[Math.floor(place / fileFactor) - (segments[0]?.fileNumber ?? 0)]
      if (!segment?.file) throw new PositionInvalidError({ folder, position: place })
      return segment.file.readSync(place % fileFactor, length)
    },
    async *iterate(position = 0) {
      const ends = segments.map(endOf)
      for (const end of ends) {
        const first = Math.floor(end / fileFactor) * fileFactor + segmentHeaderBytes
        let at = Math.max(first, position)
        while (at < end) {
          const payload = await read(at)
          yield { position: at, payload }
          at += recordBytes(payload.length)
        }
      }
    },
  }
}

/** The disk failed in a way that leaves open what is durable; the log takes nothing more until it is opened again. */
export class LogFailedError extends WeightlessError {
  constructor(facts: { folder: string }, options: { cause?: unknown }) {
    super('store/log-failed', 'The log takes no more records after a fault of the disk.', facts, {
      ...options,
      hint: 'Check the disk, then start again.',
    })
  }
}

/** No record begins at this position: it was dropped, or never given out. */
export class PositionInvalidError extends WeightlessError {
  constructor(facts: { folder: string; position: number }) {
    super('store/position-invalid', 'There is no record at this position.', facts)
  }
}
