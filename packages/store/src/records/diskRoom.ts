/** Whether the disk has room, without asking it for each group of records. */
import type { Disk } from '@weightless/env'

export type DiskRoom = {
  /** Whether so many bytes may be written now; counts them as written when they may. */
  has(bytes: number): Promise<boolean>
}

/** After so many bytes the disk is asked again: others write on it too. What slips through ends as `DiskFullError`. */
const askedAgainBytes = 64 * 1024 * 1024

/** @param reserveBytes - stay free */
export function createDiskRoom(disk: Pick<Disk, 'freeBytes'>, reserveBytes: number): DiskRoom {
  let leftBytes = 0
  return {
    async has(bytes) {
      if (leftBytes < bytes) {
        const freeBytes = (await disk.freeBytes()) - reserveBytes
        if (freeBytes < bytes) return false
        leftBytes = Math.max(bytes, Math.min(freeBytes, askedAgainBytes))
      }
      leftBytes -= bytes
      return true
    },
  }
}
