/** What is agreed of a training before anybody disputes it: from it alone follow each step's rows and each state's head. Spec: spec/dispute.md §11.1. */
import type { TokenRow } from '@weightless/tensor'
import type { StepPlan } from './stepPlan.ts'

export type TrainingJob = {
  steps: number
  /** State hash before the first step, which the model's file, options and data give. */
  start: Uint8Array
  /** Values of each list of a state. */
  values: number
  /** Bytes of the head of the state after so many steps. */
  headAt(steps: number): Uint8Array
  /** The rows of a step. */
  rowsAt(step: number): readonly TokenRow[]
  /** The tables of the step that follows the state after `step` steps. */
  planAt(step: number): StepPlan
  /** Words of a chunk of a tensor of the model's file, where steps read the file (`w/…`). */
  readWeights?: ReadWeights
}

export type ReadWeights = (tensor: string, chunk: number) => Promise<Float32Array>
