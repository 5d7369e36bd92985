/**
 * A small ordered map from text keys to bytes, held in memory, durable through a write-ahead log and now and then a
 * snapshot. A batch is there whole or not at all, also after a crash.
 */
import type { Disk, Log } from '@weightless/env'
import { type Change, decodeBatch, encodeBatch } from './keyValueRecords.ts'
import { isPlanted } from './plantedBugs.ts'
import { openSegmentLog } from './segmentLog.ts'
import { readSnapshot, writeSnapshot } from './snapshotFile.ts'
import { createSortedKeys } from './sortedKeys.ts'

export type KeyValueOptions = {
  /** A snapshot is taken when the log has grown beyond this, and beyond the snapshot's own size; 4 MiB by default. */
  logBytesMax?: number
  log?: Log
}

export type KeyValue = {
  /** The bytes are the map's own: read only. */
  get(key: string): Uint8Array | undefined
  has(key: string): boolean
  /** Durable when it resolves, as `remove` and `batch` are; readable from then on. */
  put(key: string, value: Uint8Array): Promise<void>
  remove(key: string): Promise<void>
  /** All changes or none; an undefined value removes the key. @throws {LogFailedError} */
  batch(changes: readonly Change[]): Promise<void>
  /** Entries in key order, start included, end not; the first `limit` of them where it is given. */
  range(start?: string, end?: string, limit?: number): { key: string; value: Uint8Array }[]
  size(): number
  close(): Promise<void>
}

/** @throws {LogCorruptError} */
export async function openKeyValue(disk: Disk, folder: string, options: KeyValueOptions = {}): Promise<KeyValue> {
  const { logBytesMax = 4 * 1024 * 1024, log } = options
  const snapshot = await readSnapshot(disk, folder)
  const entries = snapshot?.entries ?? new Map<string, Uint8Array>()
  const replayFrom = snapshot?.position ?? 0
  const wal = await openSegmentLog(disk, `${folder}/log`, {
    ...(log && { log }),
    segmentBytesMax: 2 ** 31,
    onRecord: (position, payload) => {
      if (position >= replayFrom) for (const change of decodeBatch(payload)) applyToMap(entries, change)
    },
  })
  const keys = createSortedKeys(entries.keys())
  let valueBytes = 0
  for (const [key, value] of entries) valueBytes += key.length + value.length

  const apply = (change: Change): void => {
    const { key, value } = change
    const before = entries.get(key)
    if (before === undefined && value !== undefined) keys.add(key)
    if (before !== undefined && value === undefined) keys.remove(key)
    valueBytes += (value ? key.length + value.length : 0) - (before ? key.length + before.length : 0)
    applyToMap(entries, change)
  }

  const shrink = async (): Promise<void> => {
    const position = await wal.roll()
    if (isPlanted('swap-snapshot-order')) await wal.dropBefore(position)
    await writeSnapshot(disk, folder, { position, entries })
    await wal.dropBefore(position)
  }

  let order: Promise<void> = Promise.resolve()
  let gate: Promise<void> = Promise.resolve()
  let shrinkAtBytes = logBytesMax
  /** Waits for all batches taken so far; those that come later wait for it, so the snapshot is exactly what the log holds. */
  const shrinkFirst = (): void => {
    shrinkAtBytes = Number.POSITIVE_INFINITY
    gate = order.then(shrink).then(
      () => {
        shrinkAtBytes = Math.max(logBytesMax, valueBytes)
      },
      (error) => {
        log?.warn('snapshot failed', { folder, error: String(error) })
        shrinkAtBytes = wal.sizeBytes() + Math.max(logBytesMax, valueBytes)
      },
    )
  }

  // Batches are applied in the order in which they go into the log, each as soon as it is durable.
  const batch = (changes: readonly Change[]): Promise<void> => {
    const kept = changes.map(({ key, value }) => ({ key, value: value?.slice() }))
    if (wal.sizeBytes() > shrinkAtBytes) shrinkFirst()
    const durable = gate.then(() => wal.append([encodeBatch(kept)])).then(() => wal.sync())
    const before = order
    const done = (async () => {
      await Promise.allSettled([before, durable])
      await durable
      for (const change of kept) apply(change)
    })()
    order = done.catch(() => undefined)
    return done
  }

  return {
    get: (key) => entries.get(key),
    has: (key) => entries.has(key),
    put: (key, value) => batch([{ key, value }]),
    remove: (key) => batch([{ key, value: undefined }]),
    batch,
    range: (start, end, limit) => keys.range(start, end, limit).map((key) => ({ key, value: entries.get(key)! })),
    size: () => entries.size,
    close: async () => {
      await order
      await wal.close()
    },
  }
}

function applyToMap(entries: Map<string, Uint8Array>, { key, value }: Change): void {
  if (value === undefined) entries.delete(key)
  else entries.set(key, value)
}
