/**
 * Segments on disk. A segment is acknowledged when its record is flushed; all that wait share one flush. The index comes
 * after: what a crash leaves out of it is read again from the log. Spec: storage §5.
 */
import { bytesToHex, WeightlessError } from '@weightless/codec'
import { type Disk, DiskFullError, type Log } from '@weightless/env'
import { type KeyValue, LogCorruptError, openSegmentLog, type SegmentLog } from '@weightless/store'
import { decodeSegmentFrame } from '../wire/index.ts'
import { type LogRoom, trackRoom } from './logRoom.ts'
import { openSegmentIndex, type SegmentIndex } from './segmentIndex.ts'
import { fileKeyOf } from './submission.ts'

export type SegmentStore = {
  /** Whether a segment is durable here. */
  has(fileKey: string, index: number): boolean
  /** Settles when a segment that is on its way to disk is there; undefined when none is. */
  writing(fileKey: string, index: number): Promise<boolean> | undefined
  /** Durable segments of a file. */
  count(fileKey: string): number
  /** Durable segments from the first on, without a gap. */
  contiguous(fileKey: string): number
  /** Resolves to true when the frame is durable, to false when the disk is full. */
  add(fileKey: string, index: number, frame: Uint8Array): Promise<boolean>
  /** The frame as it was added; undefined when it is not here. */
  read(fileKey: string, index: number): Promise<Uint8Array | undefined>
  /** Forgets a file; the room of log files that then hold nothing is given back. */
  release(fileKey: string): Promise<void>
  sizeBytes(): number
  close(): Promise<void>
}

type Waiting = {
  fileKey: string
  index: number
  frame: Uint8Array
  settle(stored: boolean): void
  fail(fault: unknown): void
}

/** Room is given back by whole files of the log, so they are not large. */
const fileBytesMax = 64 * 1024 * 1024
const groupBytesMax = 8 * 1024 * 1024
/** Kept free so that the index and the chain's data can still be written. */
const reserveBytes = 4 * 1024 * 1024

export type SegmentEvents = {
  /** A group of segments became durable. */
  onStored(segments: number, bytes: number): void
  /** A stored segment no longer matches its checksum; it counts as missing from now on. */
  onLost(fileKey: string, index: number): void
}

export async function openSegmentStore(
  disk: Disk,
  keyValue: KeyValue,
  log: Log,
  { onStored, onLost }: SegmentEvents,
): Promise<SegmentStore> {
  const records = await openSegmentLog(disk, 'segments', { segmentBytesMax: fileBytesMax, log })
  const index = openSegmentIndex(keyValue)
  await indexTail(records, index, log)
  const room = trackRoom(records, index)
  const queue: Waiting[] = []
  const writing = new Map<string, Promise<boolean>>()
  let pumping: Promise<void> | undefined

  async function pump(): Promise<void> {
    // One turn of the event loop lets requests that arrived together share a flush.
    await Promise.resolve()
    do {
      while (queue.length > 0) {
        const group = takeGroup(queue)
        const stored = await writeGroup({ disk, records, index, room }, group)
        const bytes = group.reduce((sum, { frame }) => sum + frame.length, 0)
        if (stored) onStored(group.length, bytes)
      }
      await room.sweep().catch((fault) => log.warn('room of the log not given back', { reason: String(fault) }))
    } while (queue.length > 0)
    pumping = undefined
  }

  return {
    has: (fileKey, at) => index.position(fileKey, at) !== undefined,
    writing: (fileKey, at) => writing.get(`${fileKey}/${at}`),
    count: (fileKey) => index.count(fileKey),
    contiguous: (fileKey) => index.contiguous(fileKey),
    add(fileKey, at, frame) {
      const name = `${fileKey}/${at}`
      const stored = new Promise<boolean>((settle, fail) => queue.push({ fileKey, index: at, frame, settle, fail }))
      const tracked = stored.finally(() => writing.delete(name))
      // Whoever added it sees the failure; those who only wait for the same segment may not be there.
      tracked.catch(() => undefined)
      writing.set(name, tracked)
      pumping ??= pump()
      return tracked
    },
    async read(fileKey, at) {
      const position = index.position(fileKey, at)
      if (position === undefined) return undefined
      try {
        return await records.read(position)
      } catch (fault) {
        if (!(fault instanceof LogCorruptError)) throw fault
        log.error('stored segment is damaged', { reason: fault.message, segmentIndex: at })
        index.remove(fileKey, at)
        index.flushLater(index.checkpoint())
        onLost(fileKey, at)
        return undefined
      }
    },
    async release(fileKey) {
      const positions = index.removeFile(fileKey)
      index.flushLater(index.checkpoint())
      // Once the index is durable no restart asks for these records again.
      await index.flush()
      room.leave(positions)
      pumping ??= pump()
      await pumping
    },
    sizeBytes: () => records.sizeBytes(),
    async close() {
      await pumping
      await index.flush()
      await records.close()
    },
  }
}

function takeGroup(queue: Waiting[]): Waiting[] {
  let bytes = 0
  let length = 0
  while (length < queue.length && (length === 0 || bytes + queue[length]!.frame.length <= groupBytesMax)) {
    bytes += queue[length]!.frame.length
    length++
  }
  return queue.splice(0, length)
}

type WriteParts = { disk: Disk; records: SegmentLog; index: SegmentIndex; room: LogRoom }

async function writeGroup({ disk, records, index, room }: WriteParts, group: readonly Waiting[]): Promise<boolean> {
  try {
    const wanted = group.reduce((sum, { frame }) => sum + frame.length, 0)
    if ((await disk.freeBytes()) < reserveBytes + wanted) {
      for (const { settle } of group) settle(false)
      return false
    }
    const positions = await records.append(group.map(({ frame }) => frame))
    await records.sync()
    for (const [i, { fileKey, index: at }] of group.entries()) index.put(fileKey, at, positions[i]!)
    room.take(positions)
    index.flushLater(records.end())
    for (const { settle } of group) settle(true)
    return true
  } catch (fault) {
    for (const { settle, fail } of group) fault instanceof DiskFullError ? settle(false) : fail(fault)
    return false
  }
}

/** Brings records into the index that were flushed after its last write. */
async function indexTail(records: SegmentLog, index: SegmentIndex, log: Log): Promise<void> {
  let found = 0
  for await (const { position, payload } of records.iterate(index.checkpoint())) {
    const frame = decodeSegmentFrame(payload)
    if (!frame.ok) throw new StoredFrameInvalidError({ position, reason: frame.detail ?? frame.code })
    const { proof, sizeBytes, index: at } = frame.value
    const root = bytesToHex(proof.lemma[proof.lemma.length - 1]!)
    index.put(fileKeyOf(root, Math.ceil(sizeBytes / 256)), at, position)
    found++
  }
  index.flushLater(records.end())
  await index.flush()
  if (found > 0) log.info('segments indexed after a restart', { segments: found })
}

export class StoredFrameInvalidError extends WeightlessError {
  constructor(facts: { position: number; reason: string }) {
    super('storage/stored-frame-invalid', 'A stored segment record is not a segment.', facts, {
      hint: 'The data folder was written by another program or version; remove it to start anew.',
    })
  }
}
