/** A training of the embedded trainer, opened: model, rows and their order. The service's thread and whoever trains again to check share it. Spec: FINETUNING §5.1 */

import { type TrainingProof, trainingProgramId } from '@weightless/receipt/training'
import { type AdapterTarget, type LoraTrainer, openLoraTrainer } from '@weightless/tensor'
import { checkLoraOptions, type LoraOptions } from '@weightless/tensor/train/loraOptions'
import { type EncodedDataset, encodeExamples, seedBytes } from './encodeExamples.ts'
import type { TrainingParameters } from './trainingParameters.ts'
import type { TrainingJob } from './trainingWorker.ts'

export type TrainingRun = {
  trainer: LoraTrainer
  dataset: EncodedDataset
  /** The rows of a step, from 0. */
  rowsOf(step: number): EncodedDataset['rows']
  /** As it stands now: what a receipt says of program and state. */
  proof(): TrainingProof
}

/** What the trainer is told: the parameters, and its own defaults for all else. @throws {LoraOptionsError} */
export function loraOptionsOf({ rank, alpha, targets, learningRate, seed }: TrainingParameters): LoraOptions {
  return checkLoraOptions({
    ...{ rank, alpha, learningRate, seed32: seedBytes(seed) },
    targets: targets.map((name) => name.replace(/_proj$/, '') as AdapterTarget),
  })
}

/** @param weights - the whole GGUF file @throws {TrainingRefusedError} {LoraOptionsError} {ChatTemplateError} */
export async function openTrainingRun(
  weights: Uint8Array,
  { examples, parameters }: Pick<TrainingJob, 'examples' | 'parameters'>,
): Promise<TrainingRun> {
  const trainer = await openLoraTrainer(weights, loraOptionsOf(parameters))
  const dataset = encodeExamples(trainer.model, examples, parameters)
  const { programId, tokenizerRoot } = trainer.model
  return {
    trainer,
    dataset,
    rowsOf: (step) => dataset.batches[step]!.map((row) => dataset.rows[row]!),
    proof: () => ({ programId: trainingProgramId(programId), tokenizerRoot, stateHash: trainer.stateHash() }),
  }
}
