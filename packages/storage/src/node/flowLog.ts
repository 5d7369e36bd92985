/**
 * The submissions of the flow in order, durable, with the flow tree over them: the node's copy of what the chain says.
 * Spec: storage §4, §7.
 */
import { bytesToText, type Hex, textToBytes, WeightlessError } from '@weightless/codec'
import { createFlowTree, type FlowTree } from '@weightless/crypto'
import type { KeyValue } from '@weightless/store'
import {
  decodeSubmission,
  encodeSubmission,
  type Submission,
  type SubmitEvent,
  sameSubmission,
  toSubmission,
} from './submission.ts'

export type FlowLog = {
  /** Number of submissions: the seq of the next one. */
  count(): number
  get(seq: number): Submission | undefined
  /** All submissions of a file root, oldest first. */
  byRoot(root: Hex): readonly Submission[]
  /** Newest block taken in; -1 before the first. */
  headBlock(): number
  /** Root of the flow tree after the newest submission, and its length in sectors. */
  context(): { root: Uint8Array; lengthSectors: number }
  /** Flow root after each submission. */
  rootAfter(seq: number): Uint8Array | undefined
  /**
   * Takes events up to and including `block`; known ones are passed over.
   * @returns the new submissions
   * @throws {FlowGapError} when a seq is missing in between
   * @throws {FlowChangedError} when a known seq now says something else
   */
  append(events: readonly SubmitEvent[], block: number): Promise<Submission[]>
  /** Forgets everything after a block. */
  revertTo(block: number): Promise<void>
}

const headKey = 'flow/head'
/** A head without news is written down only now and then: after a crash those blocks are simply read again. */
const quietBlocksMax = 1_000

export async function openFlowLog(index: KeyValue): Promise<FlowLog> {
  const submissions: Submission[] = []
  const roots: Uint8Array[] = []
  const bySubmissionRoot = new Map<Hex, Submission[]>()
  let tree: FlowTree = createFlowTree()
  let head = -1
  let writtenHead = -1

  function take(submission: Submission): void {
    // a root that its submitter has paid already comes again at its old place (Flow.sol): the tree stays as it is
    if (submission.startSector >= tree.length()) tree.append(submission.startSector, submission.nodes)
    submissions.push(submission)
    roots.push(tree.root())
    const same = bySubmissionRoot.get(submission.root)
    if (same) same.push(submission)
    else bySubmissionRoot.set(submission.root, [submission])
  }

  for (const { value } of index.range('flow/tx/', 'flow/tx0')) take(decodeSubmission(bytesToText(value)))
  const stored = index.get(headKey)
  if (stored) head = writtenHead = Number(bytesToText(stored))

  return {
    count: () => submissions.length,
    get: (seq) => submissions[seq],
    byRoot: (root) => bySubmissionRoot.get(root) ?? [],
    headBlock: () => head,
    context: () => ({ root: tree.root(), lengthSectors: tree.length() }),
    rootAfter: (seq) => roots[seq],
    async append(events, block) {
      const fresh = selectNew(events, submissions)
      const nextHead = Math.max(head, block)
      if (fresh.length > 0 || nextHead - writtenHead >= quietBlocksMax) {
        // Written before it is believed: after a failed write the same events come again.
        await index.batch([
          ...fresh.map((submission) => ({
            key: keyOf(submission.seq),
            value: textToBytes(encodeSubmission(submission)),
          })),
          { key: headKey, value: textToBytes(String(nextHead)) },
        ])
        writtenHead = nextHead
      }
      for (const submission of fresh) take(submission)
      head = nextHead
      return fresh
    },
    async revertTo(block) {
      const kept = submissions.filter(({ blockNumber }) => blockNumber <= block)
      const dropped = submissions.slice(kept.length)
      submissions.length = 0
      roots.length = 0
      bySubmissionRoot.clear()
      tree = createFlowTree()
      for (const submission of kept) take(submission)
      head = writtenHead = Math.min(head, block)
      await index.batch([
        ...dropped.map(({ seq }) => ({ key: keyOf(seq), value: undefined })),
        { key: headKey, value: textToBytes(String(head)) },
      ])
    },
  }
}

function selectNew(events: readonly SubmitEvent[], known: readonly Submission[]): Submission[] {
  const fresh: Submission[] = []
  for (const event of events) {
    const nextSeq = known.length + fresh.length
    const old = event.seq < nextSeq ? (known[event.seq] ?? fresh[event.seq - known.length]) : undefined
    if (old && !sameSubmission(old, event)) throw new FlowChangedError({ seq: event.seq })
    if (old) continue
    if (event.seq !== nextSeq) throw new FlowGapError({ wantedSeq: nextSeq, seq: event.seq })
    fresh.push(toSubmission(event))
  }
  return fresh
}

const keyOf = (seq: number): string => `flow/tx/${String(seq).padStart(16, '0')}`

export class FlowGapError extends WeightlessError {
  constructor(facts: { wantedSeq: number; seq: number }) {
    super('storage/flow-gap', 'The chain gave a submission before its predecessors.', facts)
  }
}

export class FlowChangedError extends WeightlessError {
  constructor(facts: { seq: number }) {
    super('storage/flow-changed', 'The chain now says something else about a known submission.', facts)
  }
}
