/** A training of all weights as a job that can be disputed. Spec: spec/dispute.md §11.1. */
import type { Hex } from '@weightless/codec'
import type { Corpus } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import type { FullOptions } from '@weightless/tensor/train/full/fullOptions'
import { encodeHead, headOf } from '@weightless/tensor/train/full/fullState'
import type { FullProgress } from '@weightless/tensor/train/full/fullTraining'
import { createBatches } from '@weightless/tensor/train/full/openCorpus'
import { placeSlots } from '@weightless/tensor/train/full/wholeWeights'
import { planFullStep, requirePlannable } from './stepPlan.ts'
import type { TrainingJob } from './trainingJob.ts'
import type { TrainingState } from './trainingState.ts'

export type FullJobFacts = {
  graph: Graph
  programId: Hex
  options: FullOptions
  /** The data, checked against its root. */
  corpus: Corpus
  steps: number
}

/** Step and cursor after so many steps. */
export function progressAt({ corpus, options }: Pick<FullJobFacts, 'corpus' | 'options'>, step: number): FullProgress {
  const inEpoch = Math.ceil(corpus.rowCount / options.batchRows)
  const rowsSeen = Math.floor(step / inEpoch) * corpus.rowCount + (step % inEpoch) * options.batchRows
  return { step, rowsSeen }
}

/** @param start - state hash before the first step @throws {JobUndisputableError} */
export function fullJob(facts: FullJobFacts & { start: Uint8Array }): TrainingJob {
  return { ...fullCourse(facts), start: facts.start }
}

/** The job but for the state that it begins with. @throws {JobUndisputableError} */
export function fullCourse(facts: FullJobFacts): Omit<TrainingJob, 'start'> {
  const { graph, programId, options, corpus, steps } = facts
  requirePlannable(graph)
  const values = placeSlots(graph).reduce((sum, { length }) => sum + length, 0)
  const batchAt = createBatches(corpus, options.seed32, options.batchRows)
  const rowsAt = (step: number) => batchAt(progressAt(facts, step).rowsSeen).map((index) => corpus.rowAt(index))
  // No step has more rows than the first.
  planFullStep({ graph, options, step: 0, rows: rowsAt(0) })
  return {
    steps,
    values,
    headAt: (at) => encodeHead(headOf({ programId, options, corpus, values }, progressAt(facts, at))),
    rowsAt,
    planAt: (step) => planFullStep({ graph, options, step, rows: rowsAt(step) }),
  }
}

/** The state that a training of all weights begins with: the file's weights, widened. @param read - a tensor's words */
export async function fullStart(graph: Graph, read: (tensor: string) => Promise<Float32Array>): Promise<TrainingState> {
  const slots = placeSlots(graph)
  const length = slots.reduce((sum, slot) => sum + slot.length, 0)
  const p = new Float32Array(length)
  for (const { name, at } of slots) p.set(await read(name), at)
  return { p, m: new Float32Array(length), v: new Float32Array(length) }
}
