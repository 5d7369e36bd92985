/** Counts the records that are still needed in each file of a log, and gives back the room of files that hold none. Spec: storage §5. */
import type { SegmentLog } from '@weightless/store'
import type { SegmentIndex } from './segmentIndex.ts'

export type LogRoom = {
  take(positions: readonly number[]): void
  leave(positions: readonly number[]): void
  /** Gives back what is free now. Nothing may be written to the log meanwhile. */
  sweep(): Promise<void>
}

/** A position is the number of its file times this, plus the offset in it. */
const fileFactor = 2 ** 32
/** The newest file is closed for the sake of its room only when it is worth it. */
const rollBytesMin = 8 * 1024 * 1024

export function trackRoom(records: SegmentLog, index: Pick<SegmentIndex, 'positions'>): LogRoom {
  const needed = new Map<number, number>()
  // What a crash left behind may be free already.
  let mayBeFree = true
  const count = (position: number, change: number) => {
    const file = Math.floor(position / fileFactor)
    needed.set(file, (needed.get(file) ?? 0) + change)
  }
  for (const position of index.positions()) count(position, 1)
  return {
    take: (positions) => {
      for (const position of positions) count(position, 1)
    },
    leave: (positions) => {
      for (const position of positions) count(position, -1)
      mayBeFree ||= positions.length > 0
    },
    async sweep() {
      if (!mayBeFree) return
      mayBeFree = false
      const newest = Math.floor(records.end() / fileFactor)
      for (const { fileNumber, sizeBytes } of records.files()) {
        if ((needed.get(fileNumber) ?? 0) > 0) continue
        if (fileNumber === newest && sizeBytes < rollBytesMin) continue
        if (fileNumber === newest) await records.roll()
        await records.dropFile(fileNumber)
        needed.delete(fileNumber)
      }
    },
  }
}
