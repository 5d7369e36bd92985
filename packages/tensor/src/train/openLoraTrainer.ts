/**
 * Trains a LoRA adapter on a model whose weights stay as they are in the file. The same options and rows give the same bits, on any
 * machine and any number of threads, however rows are grouped into passes, and after any stop and resume. Spec: spec/training.md.
 */
import type { Hex } from '@weightless/codec'
import { encodeAdapter } from '../adapter/encodeAdapter.ts'
import type { ByteSource } from '../byteSource.ts'
import type { Model } from '../model/loadModel.ts'
import { TrainingRowsError } from './checkRows.ts'
import type { TokenRow } from './forwardPass.ts'
import type { LoraOptions } from './loraOptions.ts'
import type { Trainer, TrainProgress } from './loraTraining.ts'
import { packLora } from './loraWeights.ts'
import { evaluateRows } from './passRunner.ts'
import { createTrainer, type OpenTrainerOptions, type TrainStep, takeStep } from './trainer.ts'
import { decodeState, encodeState, loraStateHash } from './trainerState.ts'

export type LoraTrainer = {
  model: Model
  options: LoraOptions
  progress: Readonly<TrainProgress>
  /**
   * One optimiser step on 1 to 256 rows; accumulates over as many passes as memory wants.
   * @throws {TrainingRowsError} {TrainingDivergedError} the weights are then those before the step
   */
  step(rows: readonly TokenRow[]): TrainStep
  /** Loss (nats per counted token) and share of counted tokens that are the likeliest, without learning. */
  evaluate(rows: readonly TokenRow[]): { loss: number; accuracy: number; counted: number }
  /** The adapter as a safetensors file with PEFT's names; see `encodeAdapter`. */
  exportAdapter(): Uint8Array
  /** Everything that the next step depends on. */
  state(): Uint8Array
  /** Root over the state: its head, and a tree over its lists. */
  stateHash(): Hex
  /** @throws {TrainerStateError} when it is not a state of a trainer with these options and this model */
  restore(state: Uint8Array): void
  memoryBytes(): number
  /** Ends the use of this trainer; its memory goes with it. */
  close(): void
}

/** @throws {LoraOptionsError} {GgufInvalidError} {MemoryExhaustedError} */
export async function openLoraTrainer(
  weights: ByteSource | Uint8Array,
  given: OpenTrainerOptions,
): Promise<LoraTrainer> {
  const trainer = await createTrainer(weights, given)
  let open = true
  const use = (): Trainer => {
    if (!open) throw new TrainingRowsError('the trainer is closed')
    return trainer
  }
  return {
    model: trainer.model,
    options: trainer.options,
    get progress() {
      return trainer.progress
    },
    step: (rows) => takeStep(use(), rows),
    evaluate: (rows) => evaluateRows(use().runner, rows),
    exportAdapter() {
      const { model, options, lora } = use()
      const { arena, graph } = model.parts
      const layout = { places: lora.slots, paddedRank: lora.paddedRank, length: lora.length }
      const values = arena.floats(lora.values, lora.length)
      return encodeAdapter({ values, layout, options, graph, name: model.info.name })
    },
    state: () => encodeState(use()),
    stateHash: () => loraStateHash(use()),
    restore(state) {
      trainer.progress = decodeState(use(), state)
      packLora(trainer.lora, trainer.model.parts.arena)
    },
    memoryBytes: () => trainer.model.parts.arena.sizeBytes(),
    close() {
      open = false
    },
  }
}
