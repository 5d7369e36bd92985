/** The snapshot of a key-value map: one file, put in place whole by a rename, every byte under a checksum. */
import type { Disk } from '@weightless/env'
import { type Change, decodeBatch, decodeSnapshotHead, encodeBatch, encodeSnapshotHead } from './keyValueRecords.ts'
import { encodeSegmentHeader, layRecords, segmentHeaderBytes } from './recordFrame.ts'
import { LogCorruptError, scanSegment } from './scanSegment.ts'

export type Snapshot = { position: number; entries: Map<string, Uint8Array> }

/** @param position - where in the log the changes begin that the snapshot does not hold */
export async function writeSnapshot(disk: Disk, folder: string, { position, entries }: Snapshot): Promise<void> {
  const parts = encodeSnapshot({ position, entries })
  const file = await disk.open(`${folder}/${newName}`, 'create')
  try {
    await file.truncate(0)
    await file.write(0, parts)
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(`${folder}/${newName}`, `${folder}/${name}`)
  await disk.syncFolder(folder)
}

/** @throws {LogCorruptError} */
export async function readSnapshot(disk: Disk, folder: string): Promise<Snapshot | undefined> {
  const path = `${folder}/${name}`
  if (!(await disk.exists(path))) return undefined
  const file = await disk.open(path, 'read')
  try {
    const entries = new Map<string, Uint8Array>()
    let head: ReturnType<typeof decodeSnapshotHead> | undefined
    const { endOffset, tornBytes } = await scanSegment(file, path, snapshotNumber, ({ payload }) => {
      if (!head) head = decodeSnapshotHead(payload)
      else for (const { key, value } of decodeBatch(payload)) entries.set(key, value ?? new Uint8Array(0))
    })
    if (tornBytes > 0 || head?.keyCount !== entries.size) {
      throw new LogCorruptError({ path, offset: endOffset, reason: 'the snapshot is cut short' })
    }
    return { position: head.position, entries }
  } finally {
    await file.close()
  }
}

/** Whole file in pieces of some MiB; taken from the map in one go, so that later changes do not mix in. */
function encodeSnapshot({ position, entries }: Snapshot): Uint8Array[] {
  const parts = [encodeSegmentHeader(snapshotNumber)]
  let fileOffset = segmentHeaderBytes
  const add = (payload: Uint8Array): void => {
    const laid = layRecords([payload], fileOffset, 0)
    parts.push(...laid.parts)
    fileOffset += laid.byteLength
  }
  add(encodeSnapshotHead(position, entries.size))
  let changes: Change[] = []
  let gatheredBytes = 0
  for (const [key, value] of entries) {
    changes.push({ key, value })
    gatheredBytes += key.length + value.length
    if (gatheredBytes < partBytes) continue
    add(encodeBatch(changes))
    changes = []
    gatheredBytes = 0
  }
  if (changes.length > 0) add(encodeBatch(changes))
  return parts
}

const name = 'snapshot'
const newName = 'snapshot.new'
const snapshotNumber = 0
const partBytes = 4 * 1024 * 1024
