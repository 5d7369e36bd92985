/**
 * Trains all weights of a small model of the llama family: embedding, norms and matrices, in f32. The same model file, data and options give the
 * same bits, on any machine and any number of threads, however rows are grouped into passes, and after any stop and resume. Spec: spec/training.md §8.
 */
import type { Hex } from '@weightless/codec'
import type { ByteSource } from '../../byteSource.ts'
import { TrainingRowsError } from '../checkRows.ts'
import type { TokenRow } from '../forwardPass.ts'
import { evaluateRows } from '../passRunner.ts'
import type { TrainStep } from '../trainer.ts'
import { exportModel } from './exportModel.ts'
import type { ExportType } from './exportType.ts'
import type { FullOptions } from './fullOptions.ts'
import { decodeFullState, encodeFullState } from './fullState.ts'
import { createFullTrainer, fullStateHash, type OpenFullOptions, takeFullStep } from './fullTrainer.ts'
import type { FullProgress, FullTrainer as FullTrainerParts } from './fullTraining.ts'
import type { Corpus } from './openCorpus.ts'
import { packWeights } from './wholeWeights.ts'

export type FullTrainer = {
  options: FullOptions
  progress: Readonly<FullProgress>
  /**
   * One optimiser step on the rows at the cursor; accumulates over as many passes as memory wants.
   * @throws {TrainingDivergedError} the weights are then those before the step
   */
  step(): TrainStep
  /** Loss (nats per counted token) and share of counted tokens that are the likeliest, without learning. @throws {TrainingRowsError} */
  evaluate(rows: readonly TokenRow[]): { loss: number; accuracy: number; counted: number }
  /** The model as a GGUF file with the first file's tokenizer and template; `type` is that of matrices, vectors stay f32. */
  exportModel(type: ExportType): Uint8Array
  /** Everything that the next step depends on but the data. */
  state(): Uint8Array
  /** Root over weights, moments, cursor and counter, as each step gives it. */
  stateHash(): Hex
  /** @throws {TrainerStateError} when it is not a state of a trainer with these options, data and model */
  restore(state: Uint8Array): void
  memoryBytes(): number
  /** Ends the use of this trainer; its memory goes with it. */
  close(): void
}

/** @throws {FullOptionsError} {GgufInvalidError} {MemoryExhaustedError} {TrainingRowsError} */
export async function openFullTrainer(
  weights: ByteSource | Uint8Array,
  corpus: Corpus,
  given: OpenFullOptions,
): Promise<FullTrainer> {
  const trainer = await createFullTrainer(weights, corpus, given)
  let open = true
  const use = (): FullTrainerParts => {
    if (!open) throw new TrainingRowsError('the trainer is closed')
    return trainer
  }
  return {
    options: trainer.options,
    get progress() {
      return trainer.progress
    },
    step: () => takeFullStep(use()),
    evaluate: (rows) => evaluateRows(use().runner, rows),
    exportModel: (type) => exportModel(use(), type),
    state: () => encodeFullState(use()),
    stateHash: () => fullStateHash(use()),
    restore(state) {
      trainer.progress = decodeFullState(use(), state)
      packWeights(trainer.whole, trainer.parts)
    },
    memoryBytes: () => trainer.parts.arena.sizeBytes(),
    close() {
      open = false
    },
  }
}
