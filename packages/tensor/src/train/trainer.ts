/** The trainer within: one step, evaluation, and the buffers they use. Spec: spec/training.md §3–§6. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { ByteSource } from '../byteSource.ts'
import type { CrewSeat } from '../crew/crew.ts'
import { loadModel } from '../model/loadModel.ts'
import { checkRows, countTokens } from './checkRows.ts'
import { allocateStateTree } from './commitState.ts'
import type { TokenRow } from './forwardPass.ts'
import { learningRateAt } from './learningRate.ts'
import { type Learning, slotKey } from './linear.ts'
import { checkLoraOptions, type LoraOptions } from './loraOptions.ts'
import type { Trainer } from './loraTraining.ts'
import { createLoraWeights, packLora } from './loraWeights.ts'
import { stepFactors } from './optimiser.ts'
import { accumulateRows, createPassRunner } from './passRunner.ts'
import { refuseUntrainable } from './refuseUntrainable.ts'
import { digestBatch, loraStateHash } from './trainerState.ts'

export type TrainStep = {
  /** Steps done, this one included. */
  step: number
  /** Mean over the tokens that count, nats. */
  loss: number
  /** Before clipping. */
  gradNorm: number
  learningRate: number
  /** Tokens that went through the model, and those that counted. */
  tokens: number
  counted: number
  stateHash: Hex
}

/** How a training goes through its rows. Not part of the result. */
export type TrainerMeans = {
  /** Positions that go through the model together. */
  passTokensMax?: number
  /** Memory for what the forward pass keeps; beyond it layers are computed anew. */
  keptBytesMax?: number
  /** A crew's seat, for several threads; see the package's README. */
  seat?: CrewSeat
}

export type OpenTrainerOptions = Partial<LoraOptions> & { seed32: Uint8Array } & TrainerMeans

export async function createTrainer(weights: ByteSource | Uint8Array, given: OpenTrainerOptions): Promise<Trainer> {
  const { passTokensMax = 512, keptBytesMax = 2 ** 29, seat, ...rest } = given
  const options = checkLoraOptions(rest)
  const model = await loadModel(weights, seat === undefined ? {} : { seat })
  const { parts } = model
  refuseUntrainable(parts.graph)
  const lora = createLoraWeights(parts.graph, parts.weights, parts.arena, options)
  const learning: Learning = {
    what: 'adapter',
    lora,
    slotOf: new Map(lora.slots.map((slot) => [slotKey(slot.layer, slot.target), slot])),
    scale: Math.fround(options.alpha / options.rank),
  }
  return {
    model,
    options,
    lora,
    runner: createPassRunner(parts, learning, { passTokensMax, keptBytesMax }),
    sums: parts.arena.allocate(Math.ceil(lora.length / 256) * 4 + 64),
    tree: allocateStateTree(parts, lora.length),
    progress: { step: 0, rowsSeen: 0, dataDigest: digestBatch() },
  }
}

export function takeStep(trainer: Trainer, rows: readonly TokenRow[]): TrainStep {
  const { model, lora, options, progress } = trainer
  const { arena, graph } = model.parts
  checkRows(graph, rows)
  const counted = countTokens(rows)
  const loss = accumulate(trainer, rows, counted)
  const gradNorm = Math.sqrt(arena.kernels.foldSquares(lora.gradients, lora.length, trainer.sums))
  if (!Number.isFinite(loss) || !Number.isFinite(gradNorm)) {
    throw new TrainingDivergedError({ step: progress.step + 1, loss: String(loss), gradNorm: String(gradNorm) })
  }
  const learningRate = learningRateAt(options, progress.step)
  optimise(trainer, gradNorm, learningRate)
  trainer.progress = {
    step: progress.step + 1,
    rowsSeen: progress.rowsSeen + rows.length,
    dataDigest: digestBatch(progress.dataDigest, rows),
  }
  const tokens = rows.reduce((total, row) => total + row.tokens.length, 0)
  const { step } = trainer.progress
  return { step, loss, gradNorm, learningRate, tokens, counted, stateHash: loraStateHash(trainer) }
}

/** The mean loss of the rows, and its gradients in place of those before. */
export function accumulate({ lora, model, runner }: Trainer, rows: readonly TokenRow[], counted: number): number {
  model.parts.arena.bytes(lora.gradients, lora.length * 4).fill(0)
  return accumulateRows(runner, rows, counted)
}

function optimise({ model, lora, options, progress }: Trainer, gradNorm: number, learningRate: number): void {
  const { beta1, beta2, epsilon, weightDecay } = options
  const { clip, c1, c2 } = stepFactors(options, gradNorm, progress.step + 1)
  const { values, means, powers, gradients, length } = lora
  const { kernels } = model.parts.arena
  kernels.adamW(
    values,
    means,
    powers,
    gradients,
    length,
    clip,
    learningRate,
    beta1,
    beta2,
    c1,
    c2,
    epsilon,
    weightDecay,
  )
  packLora(lora, model.parts.arena)
}

export class TrainingDivergedError extends WeightlessError {
  constructor(facts: { step: number; loss: string; gradNorm: string }) {
    super('tensor/training-diverged', 'The training produced an infinite or undefined number.', facts, {
      hint: 'Lower the learning rate.',
    })
  }
}
