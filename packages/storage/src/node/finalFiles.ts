/** Which files a node calls final: those that it holds in full, or those that a signed placement vouches for. Spec: storage §6.2. */
import type { Hex } from '@weightless/codec'
import type { ShardConfigJson } from '../wire/index.ts'
import type { PrunedFiles } from './prunedFiles.ts'
import type { SegmentStore } from './segmentStore.ts'
import { isComplete } from './shardSegments.ts'
import type { Submission } from './submission.ts'

export type FinalFiles = {
  /** Learns what the network knows about a root, where that is not known here. */
  look(root: Hex): Promise<void>
  /** From what is known now. */
  has(submission: Submission): boolean
}

/** For a node that keeps files itself, or its shard of them. */
export function keptFiles(segments: SegmentStore, shard: () => ShardConfigJson): FinalFiles {
  return { look: () => Promise.resolve(), has: (submission) => isComplete(segments, submission, shard()) }
}

/** What was pruned is final nowhere, whatever of its content another submission keeps here. */
export function exceptPruned(final: FinalFiles, pruned: Pick<PrunedFiles, 'has'>): FinalFiles {
  return { ...final, has: (submission) => !pruned.has(submission) && final.has(submission) }
}
