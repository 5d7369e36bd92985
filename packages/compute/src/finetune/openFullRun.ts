/** A training of all weights of a small model, whose result is a model. Spec: FINETUNING §5.1, spec/training.md §8 */
import { trainingProgramId } from '@weightless/receipt/training'
import { describeModel, type FullTrainer, openFullTrainer, TrainerStateError } from '@weightless/tensor'
import { encodeCorpus } from './encodeCorpus.ts'
import { seedBytes } from './encodeExamples.ts'
import type { TrainingRun } from './trainingRun.ts'
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
    measure() {
      if (heldOut.length === 0) return undefined
      const { loss, accuracy } = trainer.evaluate(heldOut)
      return { loss, accuracy }
    },
    state: () => trainer.state(),
    restore: (state, steps) => restore(trainer, state, steps),
    exportResult: () => trainer.exportModel('F32'),
    proof: () => ({ programId: trainingProgramId(programId), tokenizerRoot, stateHash: trainer.stateHash() }),
    close: () => trainer.close(),
  }
}

/** The head of a state names model, options and data by root, and its cursor follows from its step. */
function restore(trainer: FullTrainer, state: Uint8Array, steps: number): boolean {
  const fresh = trainer.state()
  try {
    trainer.restore(state)
  } catch (fault) {
    if (fault instanceof TrainerStateError) return false
    throw fault
  }
  if (trainer.progress.step === steps) return true
  trainer.restore(fresh)
  return false
}
