/** Which segments of a submission lie in a shard of the flow, and whether a node has them all. Spec: storage §6.3. */
import { segmentSectors } from '@weightless/crypto'
import type { ShardConfigJson } from '../wire/index.ts'
import type { SegmentStore } from './segmentStore.ts'
import type { Submission } from './submission.ts'

/** Whether all data segments of a submission that lie in the node's shard are durable here; at once where none does. */
export function isComplete(
  segments: Pick<SegmentStore, 'count' | 'has'>,
  submission: Submission,
  shard: ShardConfigJson = wholeFlow,
): boolean {
  const { shape, fileKey } = submission
  if (!shape) return false
  const count = segments.count(fileKey)
  if (shard.numShard === 1) return count === shape.segments
  // Most of the time too few are here, and the look at each is spared.
  if (count < Math.floor(shape.segments / shard.numShard)) return false
  for (let index = firstOfShard(shard, submission); index < shape.segments; index += shard.numShard) {
    if (!segments.has(fileKey, index)) return false
  }
  return true
}

/** The one shard of a node that keeps all. */
export const wholeFlow: ShardConfigJson = { shardId: 0, numShard: 1 }

/** Whether a segment of a submission lies in a shard: by its number in the whole flow. */
export function isOfShard(shard: ShardConfigJson, { startSector }: Submission, index: number): boolean {
  return (Math.floor(startSector / segmentSectors) + index) % shard.numShard === shard.shardId
}

/** The first segment of a submission that lies in a shard; it may be behind the last one. */
function firstOfShard({ numShard, shardId }: ShardConfigJson, { startSector }: Submission): number {
  const start = Math.floor(startSector / segmentSectors) % numShard
  return (shardId - start + numShard) % numShard
}
