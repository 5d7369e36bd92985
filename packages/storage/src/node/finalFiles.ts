/** Which files a node calls final: those that it holds in full, or those that a signed placement vouches for. Spec: storage §6.2. */
import type { Hex } from '@weightless/codec'
import { isComplete } from './acceptSegment.ts'
import type { SegmentStore } from './segmentStore.ts'
import type { Submission } from './submission.ts'

export type FinalFiles = {
  /** Learns what the network knows about a root, where that is not known here. */
  look(root: Hex): Promise<void>
  /** From what is known now. */
  has(submission: Submission): boolean
}

/** For a node that keeps whole files. */
export function wholeFiles(segments: SegmentStore): FinalFiles {
  return { look: () => Promise.resolve(), has: (submission) => isComplete(segments, submission) }
}
