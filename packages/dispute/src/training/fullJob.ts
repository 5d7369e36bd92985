/** A training of all weights as a job that can be disputed. Spec: spec/dispute.md §11.1. */
import type { Hex } from '@weightless/codec'
import type { Corpus } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import type { FullOptions } from '@weightless/tensor/train/full/fullOptions'
import { encodeHead, headOf } from '@weightless/tensor/train/full/fullState'
import type { FullProgress } from '@weightless/tensor/train/full/fullTraining'
import { createBatches } from '@weightless/tensor/train/full/openCorpus'
import { placeSlots } from '@weightless/tensor/train/full/wholeWeights'
import { planFullStep } from './stepPlan.ts'
import type { TrainingJob } from './trainingJob.ts'

export type FullJobFacts = {
  graph: Graph
  programId: Hex
  options: FullOptions
  /** The data, checked against its root. */
  corpus: Corpus
  steps: number
  /** State hash before the first step. */
  start: Uint8Array
}

/** Step and cursor after so many steps. */
export function progressAt({ corpus, options }: Pick<FullJobFacts, 'corpus' | 'options'>, step: number): FullProgress {
  const inEpoch = Math.ceil(corpus.rowCount / options.batchRows)
  const rowsSeen = Math.floor(step / inEpoch) * corpus.rowCount + (step % inEpoch) * options.batchRows
  return { step, rowsSeen }
}

export function fullJob(facts: FullJobFacts): TrainingJob {
  const { graph, programId, options, corpus, steps, start } = facts
  const values = placeSlots(graph).reduce((sum, { length }) => sum + length, 0)
  const batchAt = createBatches(corpus, options.seed32, options.batchRows)
  const rowsAt = (step: number) => batchAt(progressAt(facts, step).rowsSeen).map((index) => corpus.rowAt(index))
  return {
    steps,
    start,
    values,
    headAt: (at) => encodeHead(headOf({ programId, options, corpus, values }, progressAt(facts, at))),
    rowsAt,
    planAt: (step) => planFullStep({ graph, options, step, rows: rowsAt(step) }),
  }
}
