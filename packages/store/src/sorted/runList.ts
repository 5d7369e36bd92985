/** Which runs make up a sorted store, newest first, and from where on its log is to be read: one small file, replaced whole. */
import { crc32, textToBytes } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import { LogCorruptError } from '../scanSegment.ts'

export type RunList = {
  runNumbers: readonly number[]
  nextRunNumber: number
  /** Batches before this position of the log are in the runs. */
  logFrom: number
}

/** Durable when it resolves, as are the names of all files written into the folder before. */
export async function writeRunList(disk: Disk, folder: string, list: RunList): Promise<void> {
  const json = textToBytes(JSON.stringify(list))
  const bytes = new Uint8Array(4 + json.length)
  new DataView(bytes.buffer).setUint32(0, crc32(json), true)
  bytes.set(json, 4)
  const file = await disk.open(`${folder}/${newName}`, 'create')
  try {
    await file.truncate(0)
    await file.write(0, bytes)
    await file.sync()
  } finally {
    await file.close()
  }
  // The runs must be there under their names before a list names them.
  await disk.syncFolder(folder)
  await disk.rename(`${folder}/${newName}`, `${folder}/${name}`)
  await disk.syncFolder(folder)
}

/** @throws {LogCorruptError} */
export async function readRunList(disk: Disk, folder: string): Promise<RunList> {
  const path = `${folder}/${name}`
  if (!(await disk.exists(path))) return { runNumbers: [], nextRunNumber: 1, logFrom: 0 }
  const file = await disk.open(path, 'read')
  try {
    const bytes = await file.read(0, await file.size())
    const json = bytes.subarray(4)
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    if (bytes.length < 4 || crc32(json) !== view.getUint32(0, true)) {
      throw new LogCorruptError({ path, offset: 0, reason: 'the list of runs does not match its checksum' })
    }
    return JSON.parse(new TextDecoder().decode(json)) as RunList
  } finally {
    await file.close()
  }
}

const name = 'runs'
const newName = 'runs.new'
