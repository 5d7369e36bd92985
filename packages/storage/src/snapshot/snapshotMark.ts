/** The file that tells a snapshot's folder from others, and whether it is whole: a node opens no half of one. Spec: storage §14. */
import { bytesToText, textToBytes, WeightlessError } from '@weightless/codec'
import type { Disk } from '@weightless/env'

export type SnapshotMark = {
  isWhole: boolean
  /** Milliseconds since the epoch, by this machine. */
  takenMs: number
  submissions: number
  headBlock: number
  records: number
  bytes: number
  missing: number
}

const path = 'snapshot.json'
const newPath = 'snapshot.new'

/** Durable when it resolves. */
export async function writeMark(disk: Disk, mark: SnapshotMark): Promise<void> {
  const file = await disk.open(newPath, 'create')
  try {
    await file.truncate(0)
    await file.write(0, textToBytes(JSON.stringify(mark)))
    await file.sync()
  } finally {
    await file.close()
  }
  await disk.rename(newPath, path)
  await disk.syncFolder('')
}

/** Undefined where there is none that can be read. */
export async function readMark(disk: Disk): Promise<SnapshotMark | undefined> {
  if (!(await disk.exists(path))) return undefined
  const file = await disk.open(path, 'read')
  try {
    return JSON.parse(bytesToText(await file.read(0, await file.size()))) as SnapshotMark
  } catch {
    return undefined
  } finally {
    await file.close()
  }
}

/** @throws {SnapshotUnfinishedError} where the copying of a snapshot was cut off */
export async function refuseUnfinished(disk: Disk): Promise<void> {
  if ((await disk.exists(path)) && !(await readMark(disk))?.isWhole) throw new SnapshotUnfinishedError()
}

export class SnapshotUnfinishedError extends WeightlessError {
  constructor() {
    super(
      'storage/snapshot-unfinished',
      'This folder is a snapshot that was never finished.',
      {},
      {
        hint: 'Take it again, or open another one.',
      },
    )
  }
}
