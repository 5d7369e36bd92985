/** What a holder lets go of for good: files whose payment has run out, and uploads of a shard that is its own no more. Spec: storage §7. */
import type { Hex } from '@weightless/codec'
import type { KeyValue } from '@weightless/store'
import type { FlowLog } from '../node/flowLog.ts'
import { type PruneOptions, type PruneParts, pruneExpired } from '../node/pruneExpired.ts'
import { pruneShard, type ShardPruneParts } from '../node/pruneShard.ts'
import type { SegmentStore } from '../node/segmentStore.ts'
import { openShardKeeper } from '../node/shardConfig.ts'
import { wholeFlow } from '../node/shardSegments.ts'
import type { Submission } from '../node/submission.ts'
import type { ShardConfigJson } from '../wire/index.ts'
import type { FragmentStore } from './fragmentStore.ts'
import type { PlacementKeeper } from './keepPlacements.ts'

export type HolderPruneParts = Omit<PruneParts, 'env' | 'flow' | 'release'> & {
  env: PruneParts['env'] & ShardPruneParts['env']
  keyValue: KeyValue
  flow: FlowLog
  fragments: FragmentStore
  placements: Pick<PlacementKeeper, 'forget'>
  uploads: SegmentStore
  shard: ShardConfigJson | null
  prune?: PruneOptions
  onPruned?(root: Hex): void
}

/** A placed row stays whatever the shard: this node signed for it. @throws {ShardInvalidError} */
export async function startPruning(parts: HolderPruneParts, signal: AbortSignal): Promise<{ ended: Promise<unknown> }> {
  const { uploads, fragments, placements, prune = {} } = parts
  const shard = await openShardKeeper(parts.keyValue, parts.shard ?? wholeFlow)

  async function release({ root, sizeBytes, fileKey }: Submission): Promise<void> {
    if (uploads.count(fileKey) > 0) await uploads.release(fileKey)
    if (fragments.file(fileKey)) await fragments.release(fileKey)
    // When it is paid anew its versions begin anew.
    await placements.forget(root, sizeBytes)
    parts.onPruned?.(root)
  }

  const sharding = { ...parts, segments: uploads, shard, storedBytesMax: undefined, checkMs: prune.checkMs ?? 60_000 }
  return {
    ended: Promise.all([pruneExpired({ ...parts, release }, prune, signal), pruneShard(sharding, signal)]),
  }
}
