/** All that a holder does unasked for what it keeps: repair, looking after other holders, reading again, letting go. Spec: storage §13. */
import type { Hex } from '@weightless/codec'
import type { HeldFile } from '../fragmentStore.ts'
import { type ReleaseParts, releaseFragments } from './releaseFragments.ts'
import { type Repair, type RepairParts, repairFiles } from './repairFiles.ts'
import { examineFragment, scrubFragments } from './scrubFragments.ts'
import { watchHolders } from './watchHolders.ts'

export type RepairOptions = {
  /** A holder that has been silent so long is replaced; default 10 minutes. */
  goneMs?: number
  /** How often placements are gone through; default 15 s. */
  checkMs?: number
  /** Bytes a second that repair may fetch; default 64 MiB. */
  bytesPerSecond?: number
  /** Bytes a second that are read again to find bit rot; default 8 MiB. */
  scrubBytesPerSecond?: number
  /** Rest between two rounds of reading again; default 1 hour. */
  scrubPauseMs?: number
}

export type UpkeepParts = Omit<RepairParts, 'goneMs' | 'bytesPerSecond'> & Pick<ReleaseParts, 'isSynced' | 'openTtlMs'>

export type Upkeep = {
  repair: Repair
  /** A fragment of this file has gone. */
  missed(fileKey: string): void
  /** A reader says that it could not use a fragment: it is looked at, one at a time, and no more than a few wait. */
  doubt(root: Hex, sizeBytes: number, stripe: number): void
  ended: Promise<unknown>
}

const mebibyte = 1024 * 1024
const doubtsMax = 64

export function startUpkeep(given: UpkeepParts, options: RepairOptions = {}, signal: AbortSignal): Upkeep {
  const { goneMs = 600_000, checkMs = 15_000, bytesPerSecond = 64 * mebibyte } = options
  const { scrubBytesPerSecond = 8 * mebibyte, scrubPauseMs = 3_600_000 } = options
  const parts = { ...given, goneMs, bytesPerSecond }
  const { fragments, placements, env } = parts
  const repair = repairFiles(parts, signal)
  let doubts = 0
  let order: Promise<unknown> = Promise.resolve()

  function onDamaged(file: HeldFile): void {
    const placement = placements.get(file.root, file.sizeBytes) ?? placements.find(file.root)[0]
    if (placement) repair.check(placement)
  }

  return {
    repair,
    missed(fileKey) {
      const file = fragments.file(fileKey)
      if (file) onDamaged(file)
    },
    doubt(root, sizeBytes, stripe) {
      if (doubts >= doubtsMax) return
      doubts++
      order = order
        .then(() => examineFragment({ fragments, onDamaged }, root, sizeBytes, stripe))
        .catch((fault: unknown) => env.log.warn('a fragment could not be examined', { reason: String(fault) }))
        .finally(() => doubts--)
    },
    ended: Promise.all([
      repair.ended,
      watchHolders({ ...parts, repair, checkMs }, signal),
      scrubFragments({ env, fragments, bytesPerSecond: scrubBytesPerSecond, pauseMs: scrubPauseMs, onDamaged }, signal),
      releaseFragments({ ...parts, checkMs: Math.min(60_000, Math.max(checkMs, parts.openTtlMs / 4)) }, signal),
    ]).then(() => order),
  }
}
