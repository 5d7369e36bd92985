/** What is agreed of a training before anybody disputes it: from it alone follow each step's rows and each state's head. Spec: spec/dispute.md §11.1. */
import type { Hex } from '@weightless/codec'
import type { Corpus } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import type { FullOptions } from '@weightless/tensor/train/full/fullOptions'
import { encodeHead, headOf } from '@weightless/tensor/train/full/fullState'
import type { FullProgress } from '@weightless/tensor/train/full/fullTraining'
import { createBatches } from '@weightless/tensor/train/full/openCorpus'
import { placeSlots } from '@weightless/tensor/train/full/wholeWeights'
import { planTrainingStep, type StepPlan } from './stepPlan.ts'

export type TrainingJob = {
  graph: Graph
  programId: Hex
  options: FullOptions
  /** The data, checked against its root. */
  corpus: Corpus
  steps: number
  /** State hash before the first step, which the model's file, options and data give. */
  start: Uint8Array
}

/** Step and cursor after so many steps. */
export function progressAt({ corpus, options }: TrainingJob, step: number): FullProgress {
  const inEpoch = Math.ceil(corpus.rowCount / options.batchRows)
  const rowsSeen = Math.floor(step / inEpoch) * corpus.rowCount + (step % inEpoch) * options.batchRows
  return { step, rowsSeen }
}

/** Bytes of the head of the state after so many steps. */
export function headAt(job: TrainingJob, step: number): Uint8Array {
  const { programId, options, corpus, graph } = job
  const values = placeSlots(graph).reduce((sum, { length }) => sum + length, 0)
  return encodeHead(headOf({ programId, options, corpus, values }, progressAt(job, step)))
}

/** The tables of the step that follows the state after `step` steps. */
export function planStepAt(job: TrainingJob, step: number): StepPlan {
  const { graph, options, corpus } = job
  const batchAt = createBatches(corpus, options.seed32, options.batchRows)
  const rows = batchAt(progressAt(job, step).rowsSeen).map((index) => corpus.rowAt(index))
  return planTrainingStep({ graph, options, step, rows })
}
