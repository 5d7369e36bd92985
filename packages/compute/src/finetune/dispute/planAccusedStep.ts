/** The tables of the step that a verdict is about, from the model's file and the receipt's parameters: what a contract is shown follows from them. Spec: spec/dispute.md §14.8 */
import { planLoraStep, type StepPlan, type WordOpening } from '@weightless/dispute'
import type { TrainingBundle } from '@weightless/receipt/training'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { loraOptionsOf } from '../openLoraRun.ts'
import { readTrainingParameters } from '../trainingParameters.ts'

/** Undefined where the training is of no adapter. @throws {JobUndisputableError} */
export function planAccusedStep(
  { opening }: TrainingBundle,
  { step, rows }: WordOpening,
  graph: Graph,
): StepPlan | undefined {
  const read = readTrainingParameters(opening.parameters)
  if (!read.ok || read.value.parameters.method !== 'lora') return undefined
  return planLoraStep({ graph, options: loraOptionsOf(read.value.parameters), step, rows })
}
