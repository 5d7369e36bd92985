/**
 * An append-only log of records in numbered files, safe at every crash: a record is there whole or not at all, and once
 * `sync` has resolved it stays.
 */
import { WeightlessError } from '@weightless/codec'
import type { Disk, File, Log } from '@weightless/env'
import { crc32 } from './crc32.ts'
import { isPlanted } from './plantedBugs.ts'
import {
  encodeSegmentHeader,
  readRecordHeader,
  recordBytes,
  recordHeaderBytes,
  segmentHeaderBytes,
  writeRecord,
} from './recordFrame.ts'
import { LogCorruptError, type ScannedRecord, scanSegment } from './scanSegment.ts'

export type SegmentLogOptions = {
  /** A new file begins when the current one has grown beyond it; 64 MiB by default, 4 GiB at most. All files are held open. */
  segmentBytesMax?: number
  /** Where a cut torn tail is reported. */
  log?: Log
  /** Called while opening, for every intact record in order. Without it only the newest file is checked on opening. */
  onRecord?: (position: number, payload: Uint8Array) => void
}

/** A position is a plain number below 2^53, growing with each record: file number * 2^32 + offset in the file. */
export type SegmentLog = {
  /** Writes the records in one piece; they are readable at once, durable after `sync`. @throws {LogFailedError} */
  append(payloads: readonly Uint8Array[]): Promise<number[]>
  /** Everything appended before the call is durable when it resolves; calls in flight share one flush. */
  sync(): Promise<void>
  /** @throws {LogCorruptError} the record no longer matches its checksum @throws {PositionInvalidError} */
  read(position: number): Promise<Uint8Array>
  readSync(position: number): Uint8Array
  /** `length` bytes of a file from `place` on, counted as positions are; no checksum is looked at. */
  readRawSync(place: number, length: number): Uint8Array
  /** Records from `position` (the oldest by default) to the newest at the time of the call. */
  iterate(position?: number): AsyncIterable<{ position: number; payload: Uint8Array }>
  /** Removes whole files that lie entirely before `position`. */
  dropBefore(position: number): Promise<void>
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

  /** One disk operation at a time, in order; a caller's fault does not stop the next one. */
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
    if (!isPlanted('skip-fsync')) await segment.file.sync().catch(fail)
    await lateWrite?.()
    lateWrite = undefined
    segment.syncedBytes = endOffset
  }

  const addSegment = async (): Promise<Segment> => {
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

  const write = async (payloads: readonly Uint8Array[]): Promise<number[]> => {
    let segment = segments.at(-1)!
    if (segment.endOffset >= segmentBytesMax) segment = await addSegment()
    const { bytes, offsets } = frame(payloads, segment.endOffset, segment.syncedBytes)
    const { file, endOffset } = segment
    try {
      if (isPlanted('swap-write-order')) lateWrite = () => file.write(endOffset, bytes)
      else await file.write(endOffset, bytes)
    } catch (error) {
      // A half-written record must not stand before the next one.
      await segment.file.truncate(segment.endOffset).catch(fail)
      throw error
    }
    segment.endOffset += bytes.length
    return offsets.map((offset) => segment.fileNumber * fileFactor + offset)
  }

  let nextFlush: Promise<void> | undefined
  const sync = (): Promise<void> => {
    nextFlush ??= inOrder(() => {
      nextFlush = undefined
      return flush()
    })
    return nextFlush
  }

  return {
    append: (payloads) => inOrder(() => write(payloads)),
    sync,
    ...createReader(segments, folder),
    roll: () =>
      inOrder(async () =>
        endOf(segments.at(-1)!.endOffset > segmentHeaderBytes ? await addSegment() : segments.at(-1)!),
      ),
    dropBefore: (position) =>
      inOrder(async () => {
        while (segments.length > 1 && segments[0]!.fileNumber < Math.floor(position / fileFactor)) {
          const { fileNumber, file } = segments.shift()!
          await file.close()
          await disk.remove(segmentPath(folder, fileNumber))
        }
        await disk.syncFolder(folder)
      }),
    end: () => endOf(segments.at(-1)!),
    sizeBytes: () => segments.reduce((sum, { endOffset }) => sum + endOffset, 0),
    close: async () => {
      await queue
      await Promise.all(segments.map(({ file }) => file.close()))
    },
  }
}

type Segment = { fileNumber: number; file: File; endOffset: number; syncedBytes: number }

function endOf({ fileNumber, endOffset }: Segment): number {
  return fileNumber * fileFactor + endOffset
}

function segmentPath(folder: string, fileNumber: number): string {
  return `${folder}/${String(fileNumber).padStart(8, '0')}.log`
}

function frame(payloads: readonly Uint8Array[], startOffset: number, syncedBytes: number) {
  const length = payloads.reduce((sum, payload) => sum + recordBytes(payload.length), 0)
  const bytes = new Uint8Array(length)
  const offsets: number[] = []
  let at = 0
  for (const payload of payloads) {
    offsets.push(startOffset + at)
    writeRecord(bytes, at, { payload, fileOffset: startOffset + at, syncedBytes })
    at += recordBytes(payload.length)
  }
  return { bytes, offsets }
}

async function createSegment(disk: Disk, folder: string, fileNumber: number): Promise<Segment> {
  const file = await disk.open(segmentPath(folder, fileNumber), 'create')
  await file.truncate(0)
  await file.write(0, encodeSegmentHeader(fileNumber))
  await file.sync()
  if (!isPlanted('skip-folder-sync')) await disk.syncFolder(folder)
  return { fileNumber, file, endOffset: segmentHeaderBytes, syncedBytes: segmentHeaderBytes }
}

async function openSegments(disk: Disk, folder: string, options: SegmentLogOptions): Promise<Segment[]> {
  const names = (await disk.list(folder)).filter((name) => /^\d{8}\.log$/.test(name))
  const tailStart = await findTail(disk, folder, names)
  const segments: Segment[] = []
  for (const [at, name] of names.entries()) {
    const fileNumber = Number(name.slice(0, 8))
    const before = segments.at(-1)
    if (before && fileNumber !== before.fileNumber + 1) {
      const path = segmentPath(folder, before.fileNumber + 1)
      throw new LogCorruptError({ path, offset: 0, reason: 'the file is missing' })
    }
    const file = await disk.open(segmentPath(folder, fileNumber), 'write')
    segments.push(await openSegment(file, { folder, fileNumber, isTail: at >= tailStart }, options))
  }
  if (segments.length === 0) return [await createSegment(disk, folder, 1)]
  if (segments.at(-1)!.endOffset < segmentHeaderBytes) {
    const { file, fileNumber } = segments.pop()!
    await file.close()
    segments.push(await createSegment(disk, folder, fileNumber))
  }
  return segments
}

/** Index of the newest file that may hold records: a crash while a file is begun leaves an empty one behind it. */
async function findTail(disk: Disk, folder: string, names: readonly string[]): Promise<number> {
  for (let at = names.length - 1; at > 0; at--) {
    const file = await disk.open(`${folder}/${names[at]}`, 'read')
    const sizeBytes = await file.size()
    await file.close()
    if (sizeBytes > segmentHeaderBytes) return at
  }
  return 0
}

async function openSegment(
  file: File,
  { folder, fileNumber, isTail }: { folder: string; fileNumber: number; isTail: boolean },
  { onRecord, log }: SegmentLogOptions,
): Promise<Segment> {
  const path = segmentPath(folder, fileNumber)
  const sizeBytes = await file.size()
  if (!isTail && !onRecord) return { fileNumber, file, endOffset: sizeBytes, syncedBytes: sizeBytes }
  const base = fileNumber * fileFactor
  const see = (record: ScannedRecord): void => onRecord?.(base + record.offset, record.payload)
  const { endOffset, tornBytes, syncedOffset } = await scanSegment(file, path, fileNumber, see)
  // An older file was synced whole before the next one began.
  if (tornBytes > 0 && !isTail) throw new LogCorruptError({ path, offset: endOffset, reason: 'the file is cut short' })
  if (tornBytes > 0) {
    log?.warn('torn tail cut', { path, offset: endOffset, tornBytes })
    if (isPlanted('ignore-torn-tail')) return { fileNumber, file, endOffset: sizeBytes, syncedBytes: sizeBytes }
    await file.truncate(endOffset)
  }
  // What a crash left unsynced must be durable before anything is told about it. Written anew, because after a failed
  // flush the system may hold pages for clean that never reached the disk.
  if (isTail) {
    if (endOffset > syncedOffset) {
      await file.write(syncedOffset, await file.read(syncedOffset, endOffset - syncedOffset))
    }
    if (endOffset > 0) await file.write(0, encodeSegmentHeader(fileNumber))
  }
  await file.sync()
  return { fileNumber, file, endOffset, syncedBytes: endOffset }
}

function createReader(segments: readonly Segment[], folder: string) {
  const locate = (position: number) => {
    const fileNumber = Math.floor(position / fileFactor)
    const offset = position % fileFactor
    const segment = segments[fileNumber - (segments[0]?.fileNumber ?? 0)]
    if (!segment || offset + recordHeaderBytes > segment.endOffset || offset < segmentHeaderBytes) {
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
    if (crc32(payload) === crc) return payload
    throw new LogCorruptError({ path, offset, reason: 'a record does not match its checksum' })
  }
  const read = async (position: number): Promise<Uint8Array> => {
    const { file, offset, path } = locate(position)
    const { payloadBytes, payloadCrc } = headerOf(await file.read(offset, recordHeaderBytes), offset, path)
    return check(await file.read(offset + recordHeaderBytes, payloadBytes), payloadCrc, offset, path)
  }
  return {
    read,
    readSync: (position: number): Uint8Array => {
      const { file, offset, path } = locate(position)
      const { payloadBytes, payloadCrc } = headerOf(file.readSync(offset, recordHeaderBytes), offset, path)
      return check(file.readSync(offset + recordHeaderBytes, payloadBytes), payloadCrc, offset, path)
    },
    readRawSync: (place: number, length: number): Uint8Array => {
      const segment = segments[Math.floor(place / fileFactor) - (segments[0]?.fileNumber ?? 0)]
      if (!segment) throw new PositionInvalidError({ folder, position: place })
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

const fileFactor = 2 ** 32

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
