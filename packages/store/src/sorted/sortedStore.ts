/**
 * An ordered map from byte keys to bytes that may be larger than memory: a write-ahead log, a table in memory, and sorted
 * runs on disk that are merged behind ("log-structured merge", O'Neil 1996). A batch is there whole or not at all, also
 * after a crash. Reading is synchronous: a state read in the middle of a computation does not change under it.
 */
import { WeightlessError } from '@weightless/codec'
import type { Disk, Log } from '@weightless/env'
import { isPlanted } from '../plantedBugs.ts'
import { openSegmentLog, type SegmentLog } from '../segmentLog.ts'
import { createMemoryTable, type MemoryTable } from './memoryTable.ts'
import { mergeCursors } from './mergeCursors.ts'
import { encodeBlock, entryAt, openBlock } from './runBlock.ts'
import { openRunSet, type RunSet } from './runSet.ts'
import { compareKeys, type SortedEntry } from './sortedEntry.ts'

export type SortedStoreOptions = {
  /** Entries in memory before they are written as a run; 8 MiB by default. Up to three times as much is in use while writing. */
  memoryBytesMax?: number
  /** Blocks of runs kept in memory; 32 MiB by default. */
  cacheBytesMax?: number
  /** Where keys end in so many bytes that tell versions of one thing apart: makes `under` quick. Default 0. */
  filterTailBytes?: number
  log?: Log
}

export type SortedRange = {
  /** First key wanted; the smallest by default. */
  start?: Uint8Array
  /** First key not wanted any more. */
  end?: Uint8Array
  limit: number
  /** From the largest key below `end` downwards. */
  reverse?: boolean
  /** All keys wanted are these bytes and `filterTailBytes` more; runs that surely have none are passed over. */
  under?: Uint8Array
}

export type SortedStore = {
  /** The bytes are the store's own: read only, and to be copied by who keeps them. @throws {LogCorruptError} bytes on disk have changed */
  get(key: Uint8Array): Uint8Array | undefined
  /** Keys and values as with `get`. @throws {LogCorruptError} */
  range(range: SortedRange): { key: Uint8Array; value: Uint8Array }[]
  /**
   * All or none; an undefined value removes the key. Durable when it resolves, readable from then on.
   * @throws {LogFailedError} {SortedStoreFullError}
   */
  batch(changes: readonly SortedEntry[]): Promise<void>
  /** Resolves when nothing is being written or merged behind. */
  settled(): Promise<void>
  /** Entries of runs, removed and replaced ones counted until they are merged away. */
  sizes(): { runs: number; entries: number; diskBytes: number; memoryBytes: number }
  close(): Promise<void>
}

type Tables = { active: MemoryTable; frozen: MemoryTable | undefined; frozenFrom: number }

/** @throws {LogCorruptError} */
export async function openSortedStore(
  disk: Disk,
  folder: string,
  options: SortedStoreOptions = {},
): Promise<SortedStore> {
  const { memoryBytesMax = 8 * 1024 * 1024, cacheBytesMax = 32 * 1024 * 1024, filterTailBytes = 0, log } = options
  const runSet = await openRunSet(disk, folder, { cacheBytesMax, filterTailBytes })
  const tables: Tables = { active: createMemoryTable(), frozen: undefined, frozenFrom: 0 }
  const wal = await openSegmentLog(disk, `${folder}/log`, {
    ...(log && { log }),
    segmentBytesMax: 2 ** 31,
    onRecord: (position, payload) => {
      if (position >= runSet.logFrom()) apply(tables.active, payload)
    },
  }).catch(async (error: unknown) => {
    await runSet.close()
    throw error
  })
  const freezer = createFreezer({ tables, runSet, wal, memoryBytesMax, folder, ...(log && { log }) })
  let order: Promise<unknown> = Promise.resolve()
  const sources = () => [tables.active, ...(tables.frozen ? [tables.frozen] : []), ...runSet.runs()]

  return {
    get(key) {
      for (const source of sources()) {
        const entry = source.find(key)
        if (entry) return entry.value
      }
      return undefined
    },
    range(range) {
      const { under } = range
      const runs = under ? runSet.runs().filter((run) => run.mayHold(under)) : runSet.runs()
      return readRange([tables.active, ...(tables.frozen ? [tables.frozen] : []), ...runs], range)
    },
    batch(changes) {
      if (changes.length === 0) return Promise.resolve()
      const payload = encodeBlock(changes)
      const done = order.then(async () => {
        await freezer.freezeIfFull()
        await wal.append([payload])
        await wal.sync()
        apply(tables.active, payload)
      })
      order = done.catch(() => undefined)
      return done
    },
    async settled() {
      await order
      await freezer.settled()
    },
    sizes: () => ({
      runs: runSet.runs().length,
      entries: runSet.runs().reduce((sum, { entryCount }) => sum + entryCount, 0),
      diskBytes: runSet.runs().reduce((sum, { sizeBytes }) => sum + sizeBytes, wal.sizeBytes()),
      memoryBytes: tables.active.sizeBytes() + (tables.frozen?.sizeBytes() ?? 0),
    }),
    async close() {
      await order
      await freezer.settled()
      await runSet.close()
      await wal.close()
    },
  }
}

type FreezerParts = {
  tables: Tables
  runSet: RunSet
  wal: SegmentLog
  memoryBytesMax: number
  folder: string
  log?: Log
}

/** Sets a full table aside and writes it as a run behind; called in the order of batches, so that the log's position divides exactly. */
function createFreezer({ tables, runSet, wal, memoryBytesMax, folder, log }: FreezerParts) {
  let behind: Promise<void> = Promise.resolve()

  const writeFrozen = async (): Promise<void> => {
    if (!tables.frozen) return
    const from = tables.frozenFrom
    if (isPlanted('swap-snapshot-order')) await wal.dropBefore(from)
    await runSet.add(tables.frozen.cursor(undefined, false), from)
    tables.frozen = undefined
    await wal.dropBefore(from)
  }
  const workBehind = (): void => {
    behind = behind
      .then(writeFrozen)
      .then(() => runSet.merge())
      .catch((error: unknown) => log?.warn('runs could not be written', { folder, reason: String(error) }))
  }

  return {
    settled: () => behind,
    async freezeIfFull() {
      if (tables.active.sizeBytes() < memoryBytesMax) return
      if (tables.frozen) {
        // The last one is still being written, or could not be.
        if (tables.active.sizeBytes() < 2 * memoryBytesMax) return
        await behind
        if (tables.frozen) workBehind()
        await behind
        if (tables.frozen) throw new SortedStoreFullError({ folder })
      }
      tables.frozenFrom = await wal.roll()
      tables.frozen = tables.active
      tables.active = createMemoryTable()
      workBehind()
    },
  }
}

type Source = Pick<MemoryTable, 'cursor' | 'find'>

function readRange(sources: readonly Source[], { start, end, limit, reverse = false }: SortedRange) {
  const found: { key: Uint8Array; value: Uint8Array }[] = []
  if (limit <= 0) return found
  const cursors = sources.map((source) => source.cursor(reverse ? end : start, reverse))
  for (const { key, value } of mergeCursors(cursors, reverse)) {
    if (isBeyond(key, reverse ? start : end, reverse)) break
    if (value === undefined) continue
    found.push({ key, value })
    if (found.length >= limit) break
  }
  return found
}

function isBeyond(key: Uint8Array, bound: Uint8Array | undefined, reverse: boolean): boolean {
  if (bound === undefined) return false
  const order = compareKeys(key, bound)
  return reverse ? order < 0 : order >= 0
}

/** Entries are views of the batch, which lives as long as the table. */
function apply(table: MemoryTable, payload: Uint8Array): void {
  const block = openBlock(payload)
  for (let index = 0; index < block.count; index++) table.set(entryAt(block, index))
}

/** Runs could not be written for so long that memory is used up. */
export class SortedStoreFullError extends WeightlessError {
  constructor(facts: { folder: string }) {
    super('store/sorted-full', 'The store takes no more until it can write to its disk.', facts, {
      hint: 'Free some space.',
    })
  }
}
