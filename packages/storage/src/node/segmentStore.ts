/**
 * Segments on disk, as frames under the name of their content. A segment is acknowledged when its record is flushed; all that
 * wait share one flush. What is let go of leaves its room to others behind. Spec: storage §5.
 */
import type { Disk, Log } from '@weightless/env'
import { openRecordStore, type RecordStore } from '@weightless/store'

export type SegmentStore = {
  records: RecordStore
  /** Whether a segment is durable here. */
  has(fileKey: string, index: number): boolean
  /** Settles when a segment that is on its way to disk is there; undefined when none is. */
  writing(fileKey: string, index: number): Promise<boolean> | undefined
  /** Durable segments of a file. */
  count(fileKey: string): number
  /** Durable segments from the first on, without a gap. */
  contiguous(fileKey: string): number
  /** Indices of durable segments from `from` on, in order, at most `limit`. */
  list(fileKey: string, from: number, limit: number): number[]
  /** Resolves to true when the frame is durable, to false when the disk is full. */
  add(fileKey: string, index: number, frame: Uint8Array | readonly Uint8Array[]): Promise<boolean>
  /** The frame as it was added; undefined when it is not here. */
  read(fileKey: string, index: number): Promise<Uint8Array | undefined>
  /** Forgets segments of a file; durable when it resolves. */
  remove(fileKey: string, indices: readonly number[]): Promise<void>
  /** Forgets a file; durable when it resolves. */
  release(fileKey: string): Promise<void>
  /** Bytes of segments that are here. */
  storedBytes(): number
  close(): Promise<void>
}

export type SegmentEvents = {
  /** A group of segments became durable. */
  onStored(segments: number, bytes: number): void
  /** A stored segment no longer matches its checksum; it counts as missing from now on. */
  onLost(fileKey: string, index: number): void
}

/** Room is given back by whole files of the log, so they are not large. */
const fileBytesMax = 64 * 1024 * 1024

/** @throws {LogCorruptError} when its index is damaged */
export async function openSegmentStore(disk: Disk, log: Log, events: SegmentEvents): Promise<SegmentStore> {
  const records = await openRecordStore(disk, 'segments', { log, fileBytesMax, ...events })
  const room = giveBackRoom(records, log)
  return {
    records,
    has: records.has,
    writing: records.writing,
    count: records.count,
    contiguous: records.contiguous,
    list: records.list,
    add: records.add,
    read: records.read,
    async remove(fileKey, indices) {
      await Promise.all(indices.map((index) => records.remove(fileKey, index)))
      room.wish()
    },
    async release(fileKey) {
      await records.removeAll(fileKey)
      room.wish()
    },
    storedBytes: () => records.sizes().liveBytes,
    async close() {
      await room.stop()
      await records.close()
    },
  }
}

/** Compacts behind, once for all wishes that come meanwhile. */
function giveBackRoom(records: Pick<RecordStore, 'compact'>, log: Log): { wish(): void; stop(): Promise<void> } {
  const stop = new AbortController()
  let isWished = false
  let running: Promise<void> | undefined

  async function run(): Promise<void> {
    while (isWished && !stop.signal.aborted) {
      isWished = false
      await records
        .compact(stop.signal)
        .catch((fault: unknown) => log.warn('room of the log not given back', { reason: String(fault) }))
    }
    running = undefined
  }

  return {
    wish() {
      isWished = true
      running ??= run()
    },
    async stop() {
      stop.abort()
      await running
    },
  }
}
