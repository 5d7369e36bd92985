/**
 * Lets go of fragments that nobody needs: of files that never came to a placement, whose row went to another node, or whose
 * submission the chain took back or has expired; each only after a grace. Then the room is given back. Spec: storage §10.
 */
import type { Env } from '@weightless/env'
import type { SubmissionWatch } from '../awaitSubmission.ts'
import type { FragmentStore, HeldFile } from '../fragmentStore.ts'
import type { PlacementKeeper } from '../keepPlacements.ts'

export type ReleaseParts = {
  env: Pick<Env, 'clock' | 'log'>
  fragments: FragmentStore
  placements: PlacementKeeper
  submissions: SubmissionWatch
  /** Whether what the chain says is known up to now: before that nothing counts as taken back. */
  isSynced(): boolean
  /** Grace for what is not needed. */
  openTtlMs: number
  checkMs: number
}

const filesMax = 256

/** Resolves after `signal`. */
export async function releaseFragments(parts: ReleaseParts, signal: AbortSignal): Promise<void> {
  const { env, fragments } = parts
  const unneeded = new Map<string, number>()
  while (!signal.aborted) {
    await env.clock.sleep(parts.checkMs, signal).catch(() => undefined)
    if (signal.aborted) return
    try {
      for (let after: string | undefined; !signal.aborted; ) {
        const files = fragments.files(filesMax, after)
        for (const file of files) await weigh(parts, file, unneeded)
        after = files.at(-1)?.fileKey
        if (files.length < filesMax) break
      }
      await fragments.records.compact(signal)
    } catch (fault) {
      if (!signal.aborted) env.log.warn('releasing fragments failed', { reason: String(fault) })
    }
  }
}

async function weigh(parts: ReleaseParts, file: HeldFile, unneeded: Map<string, number>): Promise<void> {
  const { env, fragments, placements, submissions, openTtlMs } = parts
  const isPlaced = placements.isPlaced(file)
  const isPaid = !parts.isSynced() || submissions.known(file.root, file.sizeBytes) !== undefined
  if (isPlaced && isPaid) {
    unneeded.delete(file.fileKey)
    return
  }
  const nowMs = env.clock.nowMs()
  // Fragments of an upload that goes on keep its file; what was needed until now has the whole grace from now on.
  const sinceMs = Math.max(unneeded.get(file.fileKey) ?? (isPlaced ? nowMs : file.lastMs), file.lastMs)
  unneeded.set(file.fileKey, sinceMs)
  if (nowMs - sinceMs < openTtlMs) return
  unneeded.delete(file.fileKey)
  await fragments.release(file.fileKey)
  if (isPlaced) await placements.forget(file.root, file.sizeBytes)
  env.log.info('fragments released', { root: file.root, row: file.row, isPlaced, isPaid })
}
