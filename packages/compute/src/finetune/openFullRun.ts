/** A training of all weights of a small model, whose result is a model. Spec: FINETUNING §5.1, spec/training.md §8 */
import { trainingProgramId } from '@weightless/receipt/training'
import { describeModel, openFullTrainer } from '@weightless/tensor'
import { encodeCorpus } from './encodeCorpus.ts'
import { seedBytes } from './encodeExamples.ts'
import { measureOn, restoreIf, type TrainingRun } from './trainingRun.ts'
import { type TrainingJob, TrainingRefusedError } from './trainingWorker.ts'

/** Weights of a model at most: five lists of f32 of them are held. */
const parametersMax = 20_000_000

/** @param weights - the whole GGUF file @throws {TrainingRefusedError} {FullOptionsError} {ChatTemplateError} {GgufInvalidError} */
export async function openFullRun(
  weights: Uint8Array,
  { examples, parameters }: Pick<TrainingJob, 'examples' | 'parameters'>,
): Promise<TrainingRun> {
  const model = await describeModel(weights)
  const { parameterCount } = model.info
  if (parameterCount > parametersMax) {
    throw new TrainingRefusedError({ reason: `all of ${parameterCount} weights; at most ${parametersMax} are trained` })
  }
  const { batchRows, learningRate, seed } = parameters
  const { corpus, heldOut, plan } = encodeCorpus(model, examples, parameters)
  const trainer = await openFullTrainer(weights, corpus, { batchRows, learningRate, seed32: seedBytes(seed) })
  const { programId, tokenizerRoot } = model
  return {
    plan,
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
