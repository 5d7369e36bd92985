/** What a node answers about one submission. Spec: storage §6.1. */
import type { FileInfoJson } from '../wire/index.ts'
import type { AcceptParts } from './acceptSegment.ts'
import { type Submission, transactionJson } from './submission.ts'

export function describeFile({ segments, early, final, pruned }: AcceptParts, submission: Submission): FileInfoJson {
  const finalized = final.has(submission)
  const isPruned = pruned.has(submission)
  const uploaded = segments.contiguous(submission.fileKey)
  return {
    tx: transactionJson(submission),
    finalized,
    isCached: !finalized && early.has(submission.root),
    uploadedSegNum: finalized || isPruned ? (submission.shape?.segments ?? 0) : uploaded,
    pruned: isPruned,
  }
}
