/**
 * Fragments on disk: of each file one row, by stripe. A fragment is acknowledged when its record, and the entry that says
 * which row of which file it is, are flushed. Spec: storage §10.
 */
import { bytesToHex, bytesToText, type Hex, textToBytes, uintToBytes } from '@weightless/codec'
import { type FileShape, fileShape } from '@weightless/crypto'
import type { Clock, Disk, Log } from '@weightless/env'
import { openRecordStore, type RecordStore } from '@weightless/store'
import { fileKeyOf } from '../node/submission.ts'
import { type FragmentFrame, hasRow, stripesOf } from '../wire/index.ts'
import { createRecentCommitments, type RecentCommitments } from './recentCommitments.ts'

/** A file of which one row is kept here. */
export type HeldFile = {
  fileKey: string
  root: Hex
  /** As the first writer named it; sizes within one sector share their content. */
  sizeBytes: number
  dataRows: number
  parityRows: number
  row: number
  /** When the first fragment came and when the last one did, in milliseconds since the epoch. */
  firstMs: number
  lastMs: number
}

export type FragmentStore = {
  records: RecordStore
  /** Of fragments that were checked and added lately. */
  recent: RecentCommitments
  file(fileKey: string): HeldFile | undefined
  /** Files in the order of their keys, behind `after`. */
  files(limit: number, after?: string): HeldFile[]
  /** Says which row of a file is kept from now on; what was there of another row is removed. Durable when it resolves. */
  assign(file: HeldFile): Promise<void>
  touch(fileKey: string): void
  has(fileKey: string, stripe: number): boolean
  /** Resolves to false when the disk is full. */
  add(fileKey: string, stripe: number, frame: Uint8Array): Promise<boolean>
  /** The frame under the size asked for; undefined when it is not here. */
  read(fileKey: string, stripe: number, sizeBytes: number): Promise<Uint8Array | undefined>
  /** Stripes [from, to) that are here, in order, at most `limit` ranges. */
  ranges(fileKey: string, limit?: number): [from: number, to: number][]
  /** Whether every stripe that has this file's row is here. */
  isWhole(file: Pick<HeldFile, 'fileKey' | 'dataRows' | 'row'>, shape: FileShape): boolean
  release(fileKey: string): Promise<void>
  close(): Promise<void>
}

export type FragmentEvents = {
  onStored(fragments: number, bytes: number): void
  onLost(fileKey: string, stripe: number): void
}

const filePrefix = 'own/file/'

export async function openFragmentStore(
  { clock, disk, log }: { clock: Clock; disk: Disk; log: Log },
  { onStored, onLost }: FragmentEvents,
): Promise<FragmentStore> {
  const records = await openRecordStore(disk, 'fragments', { log, onStored, onLost })
  const { own } = records
  /** Entries as they were read or written last: each fragment of a file asks for the same one. */
  const known = new Map<string, HeldFile | undefined>()
  const keep = (fileKey: string, file: HeldFile | undefined): HeldFile | undefined => {
    known.delete(fileKey)
    known.set(fileKey, file)
    if (known.size > knownMax) known.delete(known.keys().next().value!)
    return file
  }
  const write = (file: HeldFile): void => {
    keep(file.fileKey, file)
    own.set(filePrefix + file.fileKey, textToBytes(JSON.stringify(file)))
  }
  const file = (fileKey: string): HeldFile | undefined =>
    known.has(fileKey) ? known.get(fileKey) : keep(fileKey, readFile(own.get(filePrefix + fileKey)))
  const recent = createRecentCommitments()
  const assigning = new Map<string, Promise<void>>()

  async function assign(next: HeldFile): Promise<void> {
    const old = file(next.fileKey)
    const isOther = old && !isSameRow(old, next)
    if (isOther) recent.forget(next.fileKey)
    const removed = isOther ? records.removeAll(next.fileKey) : undefined
    write(next)
    await removed
    await own.flush()
  }

  return {
    records,
    recent,
    file,
    files: (limit, after) =>
      own
        .list(filePrefix, limit, after === undefined ? undefined : filePrefix + after)
        .map(({ value }) => readFile(value)!),
    assign(next) {
      const done = assign(next).finally(() => {
        if (assigning.get(next.fileKey) === done) assigning.delete(next.fileKey)
      })
      // Those that add fragments see the failure.
      done.catch(() => undefined)
      assigning.set(next.fileKey, done)
      return done
    },
    touch(fileKey) {
      const held = file(fileKey)
      // Written behind with the next records: nothing depends on the exact time.
      if (held && clock.nowMs() - held.lastMs > touchMs) write({ ...held, lastMs: clock.nowMs() })
    },
    has: records.has,
    add(fileKey, stripe, frame) {
      recent.forget(fileKey, stripe)
      return Promise.all([records.add(fileKey, stripe, frame), assigning.get(fileKey)]).then(([isStored]) => isStored)
    },
    async read(fileKey, stripe, sizeBytes) {
      const frame = await records.read(fileKey, stripe)
      frame?.set(uintToBytes(BigInt(sizeBytes), 8), 4)
      return frame
    },
    ranges: (fileKey, limit = rangesMax) => toRanges(records, fileKey, limit),
    isWhole: ({ fileKey, dataRows, row }, shape) => records.count(fileKey) === fragmentsOf(shape, dataRows, row),
    async release(fileKey) {
      recent.forget(fileKey)
      keep(fileKey, undefined)
      own.set(filePrefix + fileKey, undefined)
      await records.removeAll(fileKey)
    },
    close: () => records.close(),
  }
}

/** How many stripes of a file have a row: all, or all but the last. */
export function fragmentsOf(shape: FileShape, dataRows: number, row: number): number {
  const stripes = stripesOf(shape, dataRows)
  return hasRow(shape, dataRows, stripes - 1, row) ? stripes : stripes - 1
}

/** What a frame that has been checked says about its file. */
export function describeFrame(root: Uint8Array, frame: FragmentFrame, nowMs: number): HeldFile {
  const { sizeBytes, dataRows, parityRows, row } = frame
  const name = bytesToHex(root)
  const fileKey = fileKeyOf(name, fileShape(sizeBytes).sectors)
  return { fileKey, root: name, sizeBytes, dataRows, parityRows, row, firstMs: nowMs, lastMs: nowMs }
}

export function isSameRow(
  a: Pick<HeldFile, 'dataRows' | 'parityRows' | 'row'>,
  b: Pick<HeldFile, 'dataRows' | 'parityRows' | 'row'>,
): boolean {
  return a.dataRows === b.dataRows && a.parityRows === b.parityRows && a.row === b.row
}

const touchMs = 10_000
const knownMax = 1_024
const rangesMax = 4_096
const pageMax = 4_096

function readFile(value: Uint8Array | undefined): HeldFile | undefined {
  return value && (JSON.parse(bytesToText(value)) as HeldFile)
}

function toRanges(records: RecordStore, fileKey: string, limit: number): [number, number][] {
  const ranges: [number, number][] = []
  const whole = records.contiguous(fileKey)
  if (whole > 0) ranges.push([0, whole])
  if (whole === records.count(fileKey)) return ranges
  for (let from = whole; ranges.length < limit; ) {
    const found = records.list(fileKey, from, pageMax)
    for (const stripe of found) {
      const last = ranges.at(-1)
      if (last && last[1] === stripe) last[1]++
      else if (ranges.length < limit) ranges.push([stripe, stripe + 1])
    }
    if (found.length < pageMax) break
    from = found.at(-1)! + 1
  }
  return ranges
}
