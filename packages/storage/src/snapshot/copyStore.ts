/** Copies what a node keeps into an empty folder while the node goes on: record after record, each checked as it is read. Spec: storage §14. */
import { textToBytes, WeightlessError } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import { type KeyValue, openKeyValue, openRecordStore, type RecordStore } from '@weightless/store'
import { type FragmentStore, type HeldFile, isSameRow } from '../holder/fragmentStore.ts'
import type { ByteRate } from '../holder/repair/byteRate.ts'
import type { FlowLog } from '../node/flowLog.ts'

export type Copying = {
  signal: AbortSignal
  rate: ByteRate
  /** Grows as it goes on. `missing`: records that were damaged, or went in the meantime. */
  count: { records: number; bytes: number; missing: number }
}

const pageRecords = 32
const pageEntries = 256
const attemptsMax = 3
const segmentFileBytes = 64 * 1024 * 1024

/** The map as it was when this was called. */
export async function copyKeyValue(source: KeyValue, disk: Disk, folder: string): Promise<void> {
  const entries = source.range()
  const target = await openKeyValue(disk, folder)
  try {
    for (let at = 0; at < entries.length; at += pageEntries) await target.batch(entries.slice(at, at + pageEntries))
  } finally {
    await target.close()
  }
}

/** Segments of all content that the flow names now. */
export async function copySegments(source: RecordStore, flow: FlowLog, disk: Disk, copying: Copying): Promise<void> {
  const names = new Set(Array.from({ length: flow.count() }, (_, seq) => flow.get(seq)!.fileKey))
  const target = await openRecordStore(disk, 'segments', { fileBytesMax: segmentFileBytes })
  try {
    for (const name of names) await copyRecords(source, target, name, copying)
  } finally {
    await target.close()
  }
}

/** Rows with what says whose they are; then placements, and what was signed, which is the newer for coming last. */
export async function copyFragments(source: FragmentStore, disk: Disk, copying: Copying): Promise<void> {
  const target = await openRecordStore(disk, 'fragments')
  const { own } = source.records
  try {
    for (let after: string | undefined; ; ) {
      const page = source.files(pageEntries, after)
      for (const { fileKey } of page) await copyRow(source, target, fileKey, copying)
      if (page.length < pageEntries) break
      after = page.at(-1)!.fileKey
    }
    for (let after: string | undefined; ; ) {
      copying.signal.throwIfAborted()
      const page = own.list('own/', pageEntries, after)
      for (const { key, value } of page) if (!key.startsWith(filePrefix)) target.own.set(key, value.slice())
      await target.own.flush()
      if (page.length < pageEntries) break
      after = page.at(-1)!.key
    }
  } finally {
    await target.close()
  }
}

const filePrefix = 'own/file/'

/** A file may get another row while it is copied: then it is copied anew. */
async function copyRow(source: FragmentStore, target: RecordStore, fileKey: string, copying: Copying): Promise<void> {
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const before: HeldFile | undefined = source.file(fileKey)
    if (!before) return
    await copyRecords(source.records, target, fileKey, copying)
    const after = source.file(fileKey)
    if (after && isSameRow(before, after)) {
      target.own.set(filePrefix + fileKey, textToBytes(JSON.stringify(after)))
      return
    }
    await target.removeAll(fileKey)
  }
  copying.count.missing++
}

async function copyRecords(source: RecordStore, target: RecordStore, name: string, copying: Copying): Promise<void> {
  const { signal, rate, count } = copying
  for (let from = 0; ; ) {
    signal.throwIfAborted()
    const page = source.list(name, from, pageRecords)
    const copied = page.map(async (index) => {
      const bytes = await source.read(name, index)
      if (!bytes) {
        count.missing++
        return
      }
      await rate.take(bytes.length, signal)
      if (!(await target.add(name, index, bytes))) throw new SnapshotRoomError()
      count.records++
      count.bytes += bytes.length
    })
    // All have ended before a failure is told: the target is closed then.
    for (const outcome of await Promise.allSettled(copied)) if (outcome.status === 'rejected') throw outcome.reason
    if (page.length < pageRecords) return
    from = page.at(-1)! + 1
  }
}

export class SnapshotRoomError extends WeightlessError {
  constructor() {
    super('storage/snapshot-room', 'The disk has no room for the snapshot.', {}, { hint: 'Free some space.' })
  }
}
