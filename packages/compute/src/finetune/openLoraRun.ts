/** A training of an adapter. Spec: FINETUNING §5.1 */
import { trainingProgramId } from '@weightless/receipt/training'
import { type AdapterTarget, digestBatch, type LoraTrainer, openLoraTrainer, type TokenRow } from '@weightless/tensor'
import { checkLoraOptions, type LoraOptions } from '@weightless/tensor/train/loraOptions'
import { encodeExamples, planOf, seedBytes } from './encodeExamples.ts'
import type { TrainingParameters } from './trainingParameters.ts'
import { measureOn, restoreIf, type TrainingRun } from './trainingRun.ts'
import type { TrainingJob } from './trainingWorker.ts'

export type LoraRun = TrainingRun & {
  trainer: LoraTrainer
  /** The rows of each step. */
  batches: readonly (readonly TokenRow[])[]
}

/** What the trainer is told: the parameters, and its own defaults for all else. @throws {LoraOptionsError} */
export function loraOptionsOf({ rank, alpha, targets, learningRate, seed }: TrainingParameters): LoraOptions {
  return checkLoraOptions({
    ...{ rank, alpha, learningRate, seed32: seedBytes(seed) },
    targets: targets.map((name) => name.replace(/_proj$/, '') as AdapterTarget),
  })
}

/** @param weights - the whole GGUF file @throws {TrainingRefusedError} {LoraOptionsError} {ChatTemplateError} */
export async function openLoraRun(
  weights: Uint8Array,
  { examples, parameters }: Pick<TrainingJob, 'examples' | 'parameters'>,
): Promise<LoraRun> {
  const trainer = await openLoraTrainer(weights, loraOptionsOf(parameters))
  const dataset = encodeExamples(trainer.model, examples, parameters)
  const batches = dataset.batches.map((batch) => batch.map((row) => dataset.rows[row]!))
  const { programId, tokenizerRoot } = trainer.model
  return {
    ...{ trainer, batches, plan: planOf(dataset) },
    takeStep: () => trainer.step(batches[trainer.progress.step]!),
    measure: () => measureOn(trainer, dataset.heldOut),
    state: () => trainer.state(),
    restore: (state, steps) => restoreIf(trainer, state, () => hasDone(trainer, batches.slice(0, steps))),
    exportResult: () => trainer.exportAdapter(),
    proof: () => ({ programId: trainingProgramId(programId), tokenizerRoot, stateHash: trainer.stateHash() }),
    close: () => trainer.close(),
  }
}

/** Only a state made by this very job: same model, options, seed, and the same rows in the same order. */
function hasDone({ progress }: LoraTrainer, done: LoraRun['batches']): boolean {
  return progress.step === done.length && progress.dataDigest === done.reduce(digestBatch, digestBatch())
}
