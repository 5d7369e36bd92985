/** Opens the files of a segment log, newest last; makes the first, and the next. Spec: store §1.1, §1.2. */
import { bytesEqual } from '@weightless/codec'
import type { Disk, File } from '@weightless/env'
import { isPlanted } from './plantedBugs.ts'
import { encodeSegmentHeader, segmentHeaderBytes } from './recordFrame.ts'
import { LogCorruptError, type ScannedRecord, scanSegment } from './scanSegment.ts'
import type { SegmentLogOptions } from './segmentLogOptions.ts'

/** Without a file where the room was given back: an empty husk keeps the number. */
export type Segment = { fileNumber: number; file: File | undefined; endOffset: number; syncedBytes: number }

/** Files are numbered without a gap; torn tails are cut. @throws {LogCorruptError} */
export async function openSegments(disk: Disk, folder: string, options: SegmentLogOptions): Promise<Segment[]> {
  const names = (await disk.list(folder)).filter((name) => /^\d{8}\.log$/.test(name))
  const tailStart = await findTail(disk, folder, names)
  const segments: Segment[] = []
  try {
    await openNamed(disk, folder, options, names, tailStart, segments)
  } catch (error) {
    await Promise.all(segments.map(({ file }) => file?.close().catch(() => undefined)))
    throw error
  }
  if (segments.length === 0) return [await createSegment(disk, folder, 1)]
  if (segments.at(-1)!.endOffset < segmentHeaderBytes) {
    const { file, fileNumber } = segments.pop()!
    await file?.close()
    segments.push(await createSegment(disk, folder, fileNumber))
  }
  if (!segments.at(-1)!.file) segments.push(await createSegment(disk, folder, segments.at(-1)!.fileNumber + 1))
  // A process that died between making a file and flushing its folder leaves a name that a power cut would still forget.
  if (!isPlanted('skip-folder-sync')) await disk.syncFolder(folder)
  return segments
}

/** Opens the files in order and adds them to `segments`. */
async function openNamed(
  disk: Disk,
  folder: string,
  options: SegmentLogOptions,
  names: readonly string[],
  tailStart: number,
  segments: Segment[],
): Promise<void> {
  for (const [at, name] of names.entries()) {
    const fileNumber = Number(name.slice(0, 8))
    const before = segments.at(-1)
    if (before && fileNumber !== before.fileNumber + 1) {
      const path = segmentPath(folder, before.fileNumber + 1)
      throw new LogCorruptError({ path, offset: 0, reason: 'the file is missing' })
    }
    const file = await disk.open(segmentPath(folder, fileNumber), 'write')
    const place = { folder, fileNumber, isTail: at >= tailStart }
    const opened = await openSegment(file, place, options).catch(async (error: unknown) => {
      await file.close()
      throw error
    })
    segments.push(opened)
  }
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
  { onRecord, onDamaged, log }: SegmentLogOptions,
): Promise<Segment> {
  const path = segmentPath(folder, fileNumber)
  const sizeBytes = await file.size()
  if (bytesEqual(await file.read(0, segmentHeaderBytes), encodeSegmentHeader(fileNumber, true))) {
    return emptySegment({ fileNumber, file, endOffset: sizeBytes, syncedBytes: sizeBytes })
  }
  if (!isTail && !onRecord) return { fileNumber, file, endOffset: sizeBytes, syncedBytes: sizeBytes }
  const base = fileNumber * fileFactor
  const see = (record: ScannedRecord): void => onRecord?.(base + record.offset, record.payload)
  const { endOffset, tornBytes, syncedOffset } = await scanSegment(file, path, fileNumber, see, onDamaged)
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

/**
 * Gives the room of a file back. The mark is durable before the records go, so that no file is ever found half empty.
 */
export async function emptySegment(segment: Segment): Promise<Segment> {
  const { file, fileNumber } = segment
  if (!file) return segment
  await file.write(0, encodeSegmentHeader(fileNumber, true))
  await file.sync()
  await file.truncate(segmentHeaderBytes)
  await file.sync()
  await file.close()
  segment.file = undefined
  segment.endOffset = segment.syncedBytes = segmentHeaderBytes
  return segment
}

/** An empty file, durable under its name. */
export async function createSegment(disk: Disk, folder: string, fileNumber: number): Promise<Segment> {
  const file = await disk.open(segmentPath(folder, fileNumber), 'create')
  await file.truncate(0)
  await file.write(0, encodeSegmentHeader(fileNumber))
  await file.sync()
  if (!isPlanted('skip-folder-sync')) await disk.syncFolder(folder)
  return { fileNumber, file, endOffset: segmentHeaderBytes, syncedBytes: segmentHeaderBytes }
}

export function segmentPath(folder: string, fileNumber: number): string {
  return `${folder}/${String(fileNumber).padStart(8, '0')}.log`
}

/** A position is file number * 2^32 + offset. */
export const fileFactor = 2 ** 32
