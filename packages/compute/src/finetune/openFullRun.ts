/** A training of all weights of a small model, whose result is a model. Spec: FINETUNING §5.1, spec/training.md §8 */
import { trainingProgramId } from '@weightless/receipt/training'
import {
  type Corpus,
  describeModel,
  type FullTrainer,
  type ModelDescription,
  openFullTrainer,
} from '@weightless/tensor'
import { checkFullOptions, type FullOptions } from '@weightless/tensor/train/full/fullOptions'
import { encodeCorpus } from './encodeCorpus.ts'
import { seedBytes } from './encodeExamples.ts'
import type { TrainingParameters } from './trainingParameters.ts'
import { measureOn, restoreIf, type TrainingRun } from './trainingRun.ts'
import { type TrainingJob, TrainingRefusedError } from './trainingWorker.ts'

/** Weights of a model at most: five lists of f32 of them are held. */
const parametersMax = 20_000_000

export type FullRun = TrainingRun & {
  trainer: FullTrainer
  model: ModelDescription
  corpus: Corpus
}

/** What the trainer is told: the parameters, and its own defaults for all else. @throws {FullOptionsError} */
export function fullOptionsOf({ batchRows, learningRate, seed }: TrainingParameters): FullOptions {
  return checkFullOptions({ batchRows, learningRate, seed32: seedBytes(seed) })
}

/** @throws {TrainingRefusedError} */
export function requireSmall({ parameterCount }: Pick<ModelDescription['info'], 'parameterCount'>): void {
  if (parameterCount <= parametersMax) return
  throw new TrainingRefusedError({ reason: `all of ${parameterCount} weights; at most ${parametersMax} are trained` })
}

/** @param weights - the whole GGUF file @throws {TrainingRefusedError} {FullOptionsError} {ChatTemplateError} {GgufInvalidError} */
export async function openFullRun(
  weights: Uint8Array,
  { examples, parameters }: Pick<TrainingJob, 'examples' | 'parameters'>,
): Promise<FullRun> {
  const model = await describeModel(weights)
  requireSmall(model.info)
  const { corpus, heldOut, plan } = encodeCorpus(model, examples, parameters)
  const trainer = await openFullTrainer(weights, corpus, fullOptionsOf(parameters))
  const { programId, tokenizerRoot } = model
  return {
    ...{ trainer, model, corpus, plan },
    takeStep: () => trainer.step(),
    measure: () => measureOn(trainer, heldOut),
    state: () => trainer.state(),
    // The head of a state names model, options and data by root, and its cursor follows from its step.
    restore: (state, steps) => restoreIf(trainer, state, () => trainer.progress.step === steps),
    exportResult: () => trainer.exportModel('F32'),
    proof: () => ({ programId: trainingProgramId(programId), tokenizerRoot, stateHash: trainer.stateHash() }),
    close: () => trainer.close(),
  }
}
