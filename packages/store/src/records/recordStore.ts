/**
 * Numbered records under names, in a log with an index beside it. A record is acknowledged when it is flushed; all that wait
 * share one flush. The index comes after: what a crash leaves out of it is read again from the log. Records may be removed,
 * and what they leave is given back file by file. Spec: store §4.
 */
import { type Disk, DiskFullError, type Log } from '@weightless/env'
import { isPlanted } from '../plantedBugs.ts'
import { lengthOf, type Payload, partsOf } from '../recordFrame.ts'
import { LogCorruptError } from '../scanSegment.ts'
import { openSegmentLog } from '../segmentLog.ts'
import { openSortedStore } from '../sorted/sortedStore.ts'
import { createCompactor } from './compactRecords.ts'
import { createDiskRoom } from './diskRoom.ts'
import { openRecordIndex } from './recordIndex.ts'
import { decodeKey, encodeKey, keyBytes, type RecordParts } from './recordKey.ts'
import { type StagedStore, stageChanges } from './stagedStore.ts'

export type RecordStore = {
  /** Whether a record is durable here. */
  has(name: string, index: number): boolean
  /** Settles when a record that is on its way to disk is there; undefined when none is. */
  writing(name: string, index: number): Promise<boolean> | undefined
  count(name: string): number
  /** Durable records from the first on, without a gap. */
  contiguous(name: string): number
  /** Indices from `from` on, in order, at most `limit`. */
  list(name: string, from: number, limit: number): number[]
  /**
   * Resolves to true when the record is durable, to false when the disk is full. An older one of that number is replaced.
   * What is long is written from where it lies: it must stay as it is until then.
   */
  add(name: string, index: number, bytes: Payload): Promise<boolean>
  /** As it was added; undefined when it is not here. Its checksum is looked at. */
  read(name: string, index: number): Promise<Uint8Array | undefined>
  /** Takes records out; durable when it resolves. */
  remove(name: string, index: number): Promise<void>
  removeAll(name: string): Promise<void>
  /** Gives back files of which little is still wanted, one at a time, until none is left or `signal` aborts. */
  compact(signal: AbortSignal): Promise<void>
  /** The caller's own small entries beside the index, durable with it; keys must begin with `own/`. */
  own: StagedStore
  /** Bytes of records that are wanted, and of the log's files. */
  sizes(): { liveBytes: number; diskBytes: number }
  close(): Promise<void>
}

export type RecordStoreOptions = {
  log?: Log
  /** Size of a log file; 256 MiB by default. Room is given back by whole files. */
  fileBytesMax?: number
  /** Bytes that stay free on the disk; 4 MiB by default. */
  reserveBytes?: number
  /** A group of records became durable. */
  onStored?(records: number, bytes: number): void
  /** A record no longer matches its checksum; it counts as missing from now on. */
  onLost?(name: string, index: number): void
}

/** A name is 20 bytes in hex without 0x. @throws {LogCorruptError} */
export async function openRecordStore(
  disk: Disk,
  folder: string,
  options: RecordStoreOptions = {},
): Promise<RecordStore> {
  const { log, fileBytesMax = 256 * 1024 * 1024, reserveBytes = 4 * 1024 * 1024 } = options
  const sorted = await openSortedStore(disk, `${folder}/index`, { ...(log && { log }) })
  const staged = stageChanges(sorted)
  const index = openRecordIndex(staged)
  const records = await openSegmentLog(disk, `${folder}/log`, {
    segmentBytesMax: fileBytesMax,
    // Whoever reads the record learns that it is lost, and gets it again.
    onDamaged: ({ facts }) => log?.error('a place of the log is damaged', facts),
    ...(log && { log }),
  })
  const room = createDiskRoom(disk, reserveBytes)
  const parts: RecordParts = { disk, records, index, staged, room, reserveBytes, fileBytesMax }
  await indexTail(parts, log)
  const queue = createWriteQueue(parts, options)

  async function read(name: string, at: number): Promise<Uint8Array | undefined> {
    for (;;) {
      const place = index.find(name, at)
      if (!place) return undefined
      try {
        return (await records.read(place.position, place.payloadBytes)).subarray(keyBytes)
      } catch (fault) {
        // A record that was moved meanwhile is read at its new place.
        if (index.find(name, at)?.position !== place.position) continue
        if (!(fault instanceof LogCorruptError)) throw fault
        log?.error('a stored record is damaged', { reason: fault.message, name, index: at })
        index.remove(name, at)
        await staged.flush().catch(() => undefined)
        options.onLost?.(name, at)
        return undefined
      }
    }
  }

  return {
    has: (name, at) => index.find(name, at) !== undefined,
    count: index.count,
    contiguous: index.contiguous,
    list: index.list,
    ...queue,
    read,
    own: staged,
    sizes: () => ({
      liveBytes: records.files().reduce((sum, { fileNumber }) => sum + index.liveBytes(fileNumber), 0),
      diskBytes: records.sizeBytes() + sorted.sizes().diskBytes,
    }),
    async close() {
      await queue.settled()
      await staged.flush().catch(() => undefined)
      await records.close()
      await sorted.close()
    },
  }
}

type Waiting = {
  name: string
  index: number
  bytes: Payload
  settle(stored: boolean): void
  fail(fault: unknown): void
}

/** One writer: groups of records, and now and then a step of giving room back. */
function createWriteQueue(parts: RecordParts, { onStored, log }: RecordStoreOptions) {
  const queue: Waiting[] = []
  const writing = new Map<string, Promise<boolean>>()
  const step = createCompactor(parts)
  let pumping: Promise<void> | undefined
  let order: Promise<unknown> = Promise.resolve()

  const inOrder = <Value>(run: () => Promise<Value>): Promise<Value> => {
    const done = order.then(run)
    order = done.catch(() => undefined)
    return done
  }
  async function pump(): Promise<void> {
    // One turn lets records that arrived together share a flush.
    await Promise.resolve()
    while (queue.length > 0) {
      const group = takeGroup(queue)
      // Whoever added them may do with their bytes what he likes once they are written.
      const groupBytes = group.reduce((sum, { bytes }) => sum + lengthOf(bytes), 0)
      if (await inOrder(() => writeGroup(parts, group, log))) onStored?.(group.length, groupBytes)
    }
    pumping = undefined
  }

  return {
    writing: (name: string, index: number) => writing.get(`${name}/${index}`),
    add(name: string, index: number, bytes: Payload): Promise<boolean> {
      const key = `${name}/${index}`
      const stored = new Promise<boolean>((settle, fail) => queue.push({ name, index, bytes, settle, fail }))
      const tracked = stored.finally(() => {
        if (writing.get(key) === tracked) writing.delete(key)
      })
      // Whoever added it sees the failure; those who only wait for the same record may not be there.
      tracked.catch(() => undefined)
      writing.set(key, tracked)
      pumping ??= pump()
      return tracked
    },
    // In line with the writer, so that nothing is removed between a copy and the entry that points to it.
    remove: (name: string, index: number) =>
      inOrder(() => {
        parts.index.remove(name, index)
        return parts.staged.flush()
      }),
    removeAll: (name: string) =>
      inOrder(() => {
        parts.index.removeAll(name)
        return isPlanted('forget-removal') ? Promise.resolve() : parts.staged.flush()
      }),
    async compact(signal: AbortSignal): Promise<void> {
      while (!signal.aborted && (await inOrder(step))) await Promise.resolve()
    },
    async settled(): Promise<void> {
      await pumping
      await order
    },
  }
}

function takeGroup(queue: Waiting[]): Waiting[] {
  let bytes = 0
  let length = 0
  while (length < queue.length && (length === 0 || bytes + lengthOf(queue[length]!.bytes) <= groupBytesMax)) {
    bytes += lengthOf(queue[length]!.bytes)
    length++
  }
  return queue.splice(0, length)
}

async function writeGroup(parts: RecordParts, group: readonly Waiting[], log: Log | undefined): Promise<boolean> {
  const { records, index, staged, room } = parts
  try {
    const wanted = group.reduce((sum, { bytes }) => sum + lengthOf(bytes), 0)
    if (!(await room.has(wanted))) {
      for (const { settle } of group) settle(false)
      return false
    }
    const places = await records.append(
      group.map(({ name, index: at, bytes }) => [encodeKey(name, at), ...partsOf(bytes)]),
    )
    await records.sync()
    for (const [i, { name, index: at, bytes }] of group.entries()) {
      index.put(name, at, { position: places[i]!, payloadBytes: keyBytes + lengthOf(bytes) })
    }
    index.setCheckpoint(records.end())
    staged.flush().catch((fault: unknown) => log?.warn('the index of records waits', { reason: String(fault) }))
    for (const { settle } of group) settle(true)
    return true
  } catch (fault) {
    for (const { settle, fail } of group) fault instanceof DiskFullError ? settle(false) : fail(fault)
    return false
  }
}

/** Brings records into the index that were flushed after its last write. */
async function indexTail({ records, index, staged }: RecordParts, log: Log | undefined): Promise<void> {
  let found = 0
  const from = index.checkpoint()
  for (const { fileNumber, sizeBytes } of records.files()) {
    if (fileNumber * fileFactor + sizeBytes <= from) continue
    let position = records.firstPosition(fileNumber)
    if (position !== undefined && position < from) position = from
    for (; position !== undefined; position = await records.nextPosition(position)) {
      const payload = await records.read(position).catch(passDamaged)
      if (!payload) continue
      const { name, at } = decodeKey(payload)
      index.put(name, at, { position, payloadBytes: payload.length })
      found++
    }
  }
  if (found === 0) return
  index.setCheckpoint(records.end())
  await staged.flush()
  log?.info('records indexed after a restart', { records: found })
}

function passDamaged(fault: unknown): undefined {
  if (!(fault instanceof LogCorruptError)) throw fault
}

const fileFactor = 2 ** 32
const groupBytesMax = 8 * 1024 * 1024
