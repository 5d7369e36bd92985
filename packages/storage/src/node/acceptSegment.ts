/**
 * Decides about one uploaded segment in the order, and with the words, of the network's nodes, and stores it. Resolves
 * when the segment is durable. Spec: storage §6.3.
 */
import { freeBytes, type Hex, hexToBytes } from '@weightless/codec'
import { checkSegment, type FileShape, FileSizeInvalidError, fileShape, sectorBytes } from '@weightless/crypto'
import {
  faults,
  invalidParams,
  type RpcFault,
  type SegmentFrame,
  type ShardConfigJson,
  segmentFrameParts,
} from '../wire/index.ts'
import { type EarlySegments, earlyFileBytesMax } from './earlySegments.ts'
import type { FinalFiles } from './finalFiles.ts'
import type { FlowLog } from './flowLog.ts'
import type { PrunedFiles } from './prunedFiles.ts'
import type { SegmentStore } from './segmentStore.ts'
import { isComplete, isOfShard } from './shardSegments.ts'
import { fileKeyOf, type Submission } from './submission.ts'

export type AcceptParts = {
  flow: FlowLog
  segments: SegmentStore
  early: EarlySegments
  final: FinalFiles
  pruned: Pick<PrunedFiles, 'has'>
  /** The part of the flow that this node keeps. */
  shard(): ShardConfigJson
  /** Told when the last segment of a submission is on disk. */
  onComplete?(submission: Submission): void
}

/** `stored` settles when the segment is on disk; a fault there is one that only writing could show. */
export type Acceptance =
  | { stored: Promise<RpcFault | undefined> }
  /** `earlier` settles when the first upload of the same segment is on disk. */
  | { fault: RpcFault; earlier?: Promise<RpcFault | undefined> }

/**
 * Everything is checked before this returns; only the writing remains, so that a batch is written as one group.
 * @param txSeq where the client named the submission; otherwise it is looked up by root
 */
export function acceptSegment(parts: AcceptParts, root: Hex, frame: SegmentFrame, txSeq?: number): Acceptance {
  if (frame.data.length === 0) return { fault: faults.dataEmpty }
  if (frame.data.length % sectorBytes !== 0) return { fault: faults.dataLength }
  const submission = txSeq === undefined ? pickByRoot(parts, root) : parts.flow.get(txSeq)
  if (submission && submission.root !== root) return { fault: faults.rootMismatch }
  const refusal = submission ? refuseKnown(parts, submission, frame) : refuseUnknown(frame)
  if (refusal) return { fault: refusal }
  const shape = shapeOf(frame.sizeBytes)
  if (!shape || (submission && !submission.shape)) return { fault: faults.fileSize }
  const checked = checkSegment(hexToBytes(root), shape, frame.index, frame.data, frame.proof)
  if (!checked.ok) return { fault: invalidParams(checked.code, checked.detail ?? checked.code) }
  if (submission && !isOfShard(parts.shard(), submission, frame.index)) {
    return { fault: invalidParams('index', 'segment belongs to another shard') }
  }
  if (!submission) {
    return parts.early.add(root, frame) ? { stored: Promise.resolve(undefined) } : { fault: faults.cacheFull }
  }
  return store(parts, submission, fileKeyOf(root, shape.sectors), frame)
}

/** Moves segments that waited for this submission to disk; those that do not suit it are dropped. */
export async function acceptEarlySegments(parts: AcceptParts, submission: Submission): Promise<void> {
  if (parts.final.has(submission) || parts.pruned.has(submission)) return
  const waiting = parts.early.take(submission.root).filter((frame) => frame.sizeBytes === submission.sizeBytes)
  const frames = waiting.filter((frame) => isOfShard(parts.shard(), submission, frame.index))
  await Promise.all(
    frames.map((frame) => {
      const acceptance = store(parts, submission, submission.fileKey, frame)
      return 'stored' in acceptance ? acceptance.stored : undefined
    }),
  )
}

/** The submission that a root means: the first whose file is final, else the first that can be, else the first. */
export function pickByRoot(parts: Pick<AcceptParts, 'flow' | 'final' | 'pruned'>, root: Hex): Submission | undefined {
  const known = parts.flow.byRoot(root)
  return (
    known.find((submission) => parts.final.has(submission)) ??
    known.find((submission) => submission.shape && !parts.pruned.has(submission)) ??
    known.find(({ shape }) => shape) ??
    known[0]
  )
}

/** Whether a segment lies in the node's shard for one of the submissions that share it. */
export function isNeeded(
  { flow, pruned, shard }: Pick<AcceptParts, 'flow' | 'pruned' | 'shard'>,
  { root, fileKey }: Submission,
  index: number,
): boolean {
  if (shard().numShard === 1) return true
  const sharers = flow.byRoot(root).filter((other) => other.fileKey === fileKey && !pruned.has(other))
  return sharers.some((other) => isOfShard(shard(), other, index))
}

function refuseKnown(
  { final, pruned }: AcceptParts,
  submission: Submission,
  frame: SegmentFrame,
): RpcFault | undefined {
  if (frame.sizeBytes !== submission.sizeBytes) return faults.fileSize
  if (final.has(submission)) return faults.finalized
  if (pruned.has(submission)) return faults.pruned
  return undefined
}

function refuseUnknown(frame: SegmentFrame): RpcFault | undefined {
  return frame.sizeBytes > earlyFileBytesMax ? faults.cacheTooLarge : undefined
}

function store(parts: AcceptParts, submission: Submission, fileKey: string, frame: SegmentFrame): Acceptance {
  const { segments } = parts
  const toFault = (isStored: boolean) => (isStored ? undefined : faults.diskFull)
  const writing = segments.writing(fileKey, frame.index)
  if (writing) return { fault: faults.uploaded, earlier: writing.then(toFault) }
  if (segments.has(fileKey, frame.index)) return { fault: faults.uploaded, earlier: Promise.resolve(undefined) }
  const added = segments.add(fileKey, frame.index, segmentFrameParts(frame))
  return {
    stored: added
      .then(async (isStored) => {
        // The node's part may have been halved while this was on its way to disk.
        if (isStored && !isNeeded(parts, submission, frame.index)) await segments.remove(fileKey, [frame.index])
        if (isStored && isComplete(segments, submission, parts.shard())) parts.onComplete?.(submission)
        return toFault(isStored)
      })
      .finally(() => freeBytes(frame.data)),
  }
}

function shapeOf(sizeBytes: number): FileShape | undefined {
  try {
    return fileShape(sizeBytes)
  } catch (fault) {
    if (fault instanceof FileSizeInvalidError) return undefined
    throw fault
  }
}
