/**
 * Keeps a node within its room: when it is nearly full its part of the flow is halved, and segments that belong to others
 * from then on are removed a few at a time; the store gives their room back behind. Spec: storage §7.2.
 */
import type { Env } from '@weightless/env'
import type { ShardConfigJson } from '../wire/index.ts'
import { isNeeded } from './acceptSegment.ts'
import type { FlowLog } from './flowLog.ts'
import type { PrunedFiles } from './prunedFiles.ts'
import type { SegmentStore } from './segmentStore.ts'
import { numShardMax, type ShardKeeper } from './shardConfig.ts'
import type { Submission } from './submission.ts'

export type ShardPruneParts = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  flow: FlowLog
  segments: SegmentStore
  pruned: Pick<PrunedFiles, 'has'>
  shard: ShardKeeper
  /** Bytes of segments that the node is to keep at most; undefined: as the disk allows. */
  storedBytesMax: number | undefined
  checkMs: number
}

const fullShare = 0.9
const batchSegments = 64
/** Between batches, so that uploads and readers have their turn. */
const pauseMs = 20

/** Resolves after `signal`. */
export async function pruneShard(parts: ShardPruneParts, signal: AbortSignal): Promise<void> {
  const { env, shard } = parts
  while (!signal.aborted) {
    try {
      // What was halved is tidied before it is halved again: only then is it known what was gained.
      if (shard.isTidy()) await halveIfFull(parts)
      if (!shard.isTidy()) await tidy(parts, shard.get(), signal)
    } catch (fault) {
      if (!signal.aborted) env.log.warn('pruning by shard was interrupted', { reason: String(fault) })
    }
    await env.clock.sleep(parts.checkMs, signal).catch(() => undefined)
  }
}

async function halveIfFull({ env, segments, shard, storedBytesMax }: ShardPruneParts): Promise<void> {
  const { numShard, shardId } = shard.get()
  if (storedBytesMax === undefined || segments.storedBytes() < fullShare * storedBytesMax) return
  if (numShard * 2 > numShardMax) return
  // Which half goes is drawn, so that nodes that were full together do not all keep the same one.
  const next = { numShard: numShard * 2, shardId: shardId + (env.random.bytes(1)[0]! & 1) * numShard }
  await shard.change(next)
  env.log.info('part of the flow halved', next)
}

async function tidy(parts: ShardPruneParts, shard: ShardConfigJson, signal: AbortSignal): Promise<void> {
  const { flow } = parts
  let removed = 0
  for (let seq = 0; seq < flow.count() && !signal.aborted; seq++) {
    const submission = flow.get(seq)!
    const first = flow.byRoot(submission.root).find(({ fileKey }) => fileKey === submission.fileKey)
    if (submission.shape && first === submission) removed += await tidyFile(parts, submission, shard, signal)
  }
  if (signal.aborted) return
  await parts.shard.setTidy(shard)
  parts.env.log.info('segments of other shards removed', { segments: removed, ...shard })
}

async function tidyFile(
  { env, flow, segments, pruned }: ShardPruneParts,
  submission: Submission,
  shard: ShardConfigJson,
  signal: AbortSignal,
): Promise<number> {
  const { fileKey } = submission
  const parts = { flow, pruned, shard: () => shard }
  let removed = 0
  for (let from = 0; !signal.aborted; ) {
    const page = segments.list(fileKey, from, batchSegments)
    const foreign = page.filter((index) => !isNeeded(parts, submission, index))
    if (foreign.length > 0) {
      await segments.remove(fileKey, foreign)
      removed += foreign.length
      await env.clock.sleep(pauseMs, signal).catch(() => undefined)
    }
    if (page.length < batchSegments) break
    from = page.at(-1)! + 1
  }
  return removed
}
