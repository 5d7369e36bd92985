/**
 * Gives room back: the log file of which the least is wanted is copied, as far as it is wanted, to the end of the log and
 * then emptied. The copies are durable before the file goes; the index would find them again by itself. Spec: store §4.2.
 */
import { isPlanted } from '../plantedBugs.ts'
import { LogCorruptError } from '../scanSegment.ts'
import { decodeKey, type RecordParts } from './recordKey.ts'

/** A file is worth it when no more than so much of it is wanted. */
const liveShareMax = 0.5
const stepBytesMax = 8 * 1024 * 1024
const fileFactor = 2 ** 32

/**
 * A step at a time, so that records that are to be stored need not wait for a whole file.
 * @returns a function that does one step; it resolves to false when nothing was worth it
 */
export function createCompactor(parts: RecordParts): () => Promise<boolean> {
  const { records, index, disk, staged, reserveBytes, fileBytesMax } = parts
  /** Files with a damaged record that is still wanted: not before somebody has read it, or this has started again. */
  const stuck = new Set<number>()
  let victim: { fileNumber: number; next: number | undefined } | undefined

  async function choose(): Promise<boolean> {
    const newest = Math.floor(records.end() / fileFactor)
    const worth = records
      .files()
      .map(({ fileNumber, sizeBytes }) => ({ fileNumber, sizeBytes, liveBytes: index.liveBytes(fileNumber) }))
      .filter(({ sizeBytes, liveBytes }) => liveBytes <= sizeBytes * liveShareMax)
      .sort((a, b) => a.liveBytes / a.sizeBytes - b.liveBytes / b.sizeBytes)
    const found = worth.find(({ fileNumber }) => fileNumber !== newest && !stuck.has(fileNumber))
    if (found) {
      if ((await disk.freeBytes()) < reserveBytes + found.liveBytes) return false
      victim = { fileNumber: found.fileNumber, next: records.firstPosition(found.fileNumber) }
      return true
    }
    // The newest is closed off when there is much to gain.
    const own = worth.find(({ fileNumber }) => fileNumber === newest)
    if (!own || own.sizeBytes < fileBytesMax / 16) return false
    await records.roll()
    return true
  }

  return async () => {
    if (!victim) return choose()
    const { fileNumber } = victim
    if (index.liveBytes(fileNumber) > 0 && victim.next !== undefined) {
      victim.next = await copyStep(parts, victim.next)
      return true
    }
    victim = undefined
    if (index.liveBytes(fileNumber) > 0) {
      stuck.add(fileNumber)
      return true
    }
    await staged.flush()
    await records.dropFile(fileNumber)
    return true
  }
}

/** Copies what is wanted of the next few MiB. @returns where to go on; undefined at the end of the file */
async function copyStep({ records, index }: RecordParts, from: number): Promise<number | undefined> {
  const moved: { name: string; at: number; oldPosition: number; payload: Uint8Array }[] = []
  let next: number | undefined = from
  for (let bytes = 0; next !== undefined && bytes < stepBytesMax; next = await records.nextPosition(next)) {
    const payload = await records.read(next, 262_144).catch((fault: unknown) => {
      if (fault instanceof LogCorruptError) return undefined
      throw fault
    })
    if (!payload) continue
    bytes += payload.length
    const { name, at } = decodeKey(payload)
    if (index.find(name, at)?.position === next) moved.push({ name, at, oldPosition: next, payload })
  }
  if (moved.length === 0) return next
  const positions = await records.append(moved.map(({ payload }) => payload))
  if (!isPlanted('drop-before-sync')) await records.sync()
  for (const [i, { name, at, oldPosition, payload }] of moved.entries()) {
    if (index.find(name, at)?.position !== oldPosition) continue
    index.put(name, at, { position: positions[i]!, payloadBytes: payload.length })
  }
  index.setCheckpoint(records.end())
  return next
}
