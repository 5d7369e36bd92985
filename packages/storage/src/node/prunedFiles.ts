/**
 * Which submissions this node has pruned: their payment has run out, and it does not answer for them any more. Durable, and
 * bound to the block, so that a mark means nothing on a chain that was begun anew. Spec: storage §7.1.
 */
import { bytesToText, textToBytes } from '@weightless/codec'
import type { KeyValue } from '@weightless/store'
import type { Submission } from './submission.ts'

export type PrunedFiles = {
  has(submission: Submission): boolean
  /** Durable when it resolves. */
  mark(submissions: readonly Submission[]): Promise<void>
  /** They are paid again. Durable when it resolves. */
  unmark(submissions: readonly Submission[]): Promise<void>
}

const prefix = 'pruned/'
const keyOf = ({ seq }: Submission): string => prefix + String(seq).padStart(16, '0')
const markOf = ({ root, blockNumber }: Submission): string => `${root} ${blockNumber}`

export function keepPruned(keyValue: KeyValue): PrunedFiles {
  // A file's answers ask for it again and again, so it is in memory; most submissions are not among them.
  const marks = new Map(
    keyValue
      .range(prefix, `${prefix}~`)
      .map(({ key, value }) => [Number(key.slice(prefix.length)), bytesToText(value)] as const),
  )
  return {
    has: (submission) => marks.get(submission.seq) === markOf(submission),
    async mark(submissions) {
      if (submissions.length === 0) return
      await keyValue.batch(submissions.map((one) => ({ key: keyOf(one), value: textToBytes(markOf(one)) })))
      for (const one of submissions) marks.set(one.seq, markOf(one))
    },
    async unmark(submissions) {
      if (submissions.length === 0) return
      await keyValue.batch(submissions.map((one) => ({ key: keyOf(one), value: undefined })))
      for (const { seq } of submissions) marks.delete(seq)
    },
  }
}
