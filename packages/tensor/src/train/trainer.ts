/** The trainer within: one step, evaluation, and the buffers they use. Spec: spec/training.md §3–§6. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { ByteSource } from '../byteSource.ts'
import { gemmPanelBytes } from '../crew/callKernel.ts'
import type { CrewSeat } from '../crew/crew.ts'
import { loadModel, type Model } from '../model/loadModel.ts'
import { runBackward } from './backwardPass.ts'
import { runForward, type TokenRow } from './forwardPass.ts'
import { integerPower, learningRateAt } from './learningRate.ts'
import { slotKey, type TrainPass } from './linear.ts'
import { checkLoraOptions, type LoraOptions } from './loraOptions.ts'
import { createLoraWeights, type LoraWeights, packLora } from './loraWeights.ts'
import { allocateLossRoom, type LossRoom, type RowLoss, runLoss, sum } from './lossPass.ts'
import { planPasses, type TrainLimits } from './planPasses.ts'
import { allocateTrainBuffers, type TrainBuffers } from './trainBuffers.ts'
import { digestBatch, encodeState, stateRoot, type TrainProgress } from './trainerState.ts'

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

export type OpenTrainerOptions = Partial<LoraOptions> & {
  seed32: Uint8Array
  /** Positions that go through the model together. Not part of the result. */
  passTokensMax?: number
  /** Memory for what the forward pass keeps; beyond it layers are computed anew. Not part of the result. */
  keptBytesMax?: number
  /** A crew's seat, for several threads; see the package's README. Not part of the result. */
  seat?: CrewSeat
}

const rowsMax = 256

export type Trainer = {
  model: Model
  options: LoraOptions
  lora: LoraWeights
  limits: TrainLimits
  base: Omit<TrainPass, 'buffers' | 'spans' | 'positions'>
  room: LossRoom
  sums: number
  buffers: { room: TrainBuffers; longest: number } | undefined
  progress: TrainProgress
}

export async function createTrainer(weights: ByteSource | Uint8Array, given: OpenTrainerOptions): Promise<Trainer> {
  const { passTokensMax = 512, keptBytesMax = 2 ** 29, seat, ...rest } = given
  const options = checkLoraOptions(rest)
  const model = await loadModel(weights, seat === undefined ? {} : { seat })
  const { parts } = model
  const lora = createLoraWeights(parts.graph, parts.weights, parts.arena, options)
  return {
    model,
    options,
    lora,
    limits: { passTokensMax, keptBytesMax },
    base: {
      parts,
      lora,
      slotOf: new Map(lora.slots.map((slot) => [slotKey(slot.layer, slot.target), slot])),
      scale: Math.fround(options.alpha / options.rank),
      panel: parts.arena.allocate(gemmPanelBytes * parts.members),
    },
    room: allocateLossRoom({ parts }),
    sums: parts.arena.allocate(Math.ceil(lora.length / 256) * 4 + 64),
    buffers: undefined,
    progress: { step: 0, rowsSeen: 0, dataDigest: digestBatch() },
  }
}

export function takeStep(trainer: Trainer, rows: readonly TokenRow[]): TrainStep {
  const { model, lora, options, progress } = trainer
  const { arena } = model.parts
  checkRows(model, rows)
  const counted = countTokens(rows)
  if (counted === 0) throw new TrainingRowsError('no token of the rows counts')
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
  return { step, loss, gradNorm, learningRate, tokens, counted, stateHash: stateRoot(encodeState(trainer)) }
}

/** The mean loss of the rows, and its gradients in place of those before. */
export function accumulate(trainer: Trainer, rows: readonly TokenRow[], counted: number): number {
  const { lora, model } = trainer
  model.parts.arena.bytes(lora.gradients, lora.length * 4).fill(0)
  const losses = runRows(trainer, rows, Math.fround(1 / counted))
  return sum(losses.map((row) => row.loss)) / counted
}

function optimise({ model, lora, options, progress }: Trainer, gradNorm: number, learningRate: number): void {
  const { clipNorm, beta1, beta2 } = options
  const clip = clipNorm > 0 && gradNorm > clipNorm ? Math.fround(clipNorm / gradNorm) : 1
  const t = progress.step + 1
  const [c1, c2] = [1 / (1 - integerPower(beta1, t)), 1 / (1 - integerPower(beta2, t))]
  const { values, means, powers, gradients, length } = lora
  const { epsilon, weightDecay } = options
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

export function evaluateRows(
  trainer: Trainer,
  rows: readonly TokenRow[],
): { loss: number; accuracy: number; counted: number } {
  const counted = countTokens(rows)
  if (counted === 0) throw new TrainingRowsError('no token of the rows counts')
  const losses: RowLoss[] = []
  for (let at = 0; at < rows.length; at += rowsMax) {
    const some = rows.slice(at, at + rowsMax)
    checkRows(trainer.model, some)
    losses.push(...runRows(trainer, some, undefined))
  }
  const correct = losses.reduce((total, row) => total + row.correct, 0)
  return { loss: sum(losses.map((row) => row.loss)) / counted, accuracy: correct / counted, counted }
}

/** Runs rows in passes; with a factor also backward, adding to the gradients row by row. */
function runRows(trainer: Trainer, rows: readonly TokenRow[], factor: number | undefined): RowLoss[] {
  const losses: RowLoss[] = []
  for (const planned of planPasses(trainer.model.parts, rows, trainer.limits)) {
    const pass: TrainPass = {
      ...trainer.base,
      buffers: buffersFor(trainer, planned.positions, planned.longest, planned.keepsAll || factor === undefined),
      spans: planned.spans,
      positions: planned.positions,
    }
    runForward(pass, planned.rows)
    losses.push(...runLoss(pass, trainer.room, planned.rows, factor))
    if (factor !== undefined) runBackward(pass)
  }
  return losses
}

/** The buffers in use, or larger ones. */
function buffersFor(trainer: Trainer, positions: number, longest: number, keepsAll: boolean): TrainBuffers {
  const { buffers, model, lora } = trainer
  const fits =
    buffers !== undefined &&
    buffers.room.capacity >= positions &&
    buffers.longest >= longest &&
    buffers.room.keepsAll === keepsAll
  if (fits) return buffers.room
  buffers?.room.release()
  trainer.buffers = undefined
  const same = buffers?.room.keepsAll === keepsAll
  const capacity = Math.max(positions, same ? buffers.room.capacity : 0)
  const length = Math.max(longest, buffers?.longest ?? 0)
  const room = allocateTrainBuffers(model.parts, capacity, length, keepsAll, lora.paddedRank)
  trainer.buffers = { room, longest: length }
  return room
}

function countTokens(rows: readonly TokenRow[]): number {
  return rows.reduce((total, { mask }) => total + mask.filter((value, i) => i > 0 && value === 1).length, 0)
}

function checkRows({ parts }: Model, rows: readonly TokenRow[]): void {
  if (rows.length < 1 || rows.length > rowsMax)
    throw new TrainingRowsError(`${rows.length} rows are not 1 to ${rowsMax}`)
  const { vocabSize, contextLength } = parts.graph
  for (const { tokens, mask } of rows) {
    if (tokens.length < 2 || tokens.length > Math.min(contextLength, 65_536)) {
      throw new TrainingRowsError(`a row of ${tokens.length} tokens does not fit the context of ${contextLength}`)
    }
    if (mask.length !== tokens.length) throw new TrainingRowsError('a mask is not as long as its row')
    if (!tokens.every((token) => Number.isInteger(token) && token >= 0 && token < vocabSize)) {
      throw new TrainingRowsError('a token is not in the vocabulary')
    }
  }
}

export class TrainingRowsError extends WeightlessError {
  constructor(reason: string) {
    super('tensor/training-rows', `The rows cannot be trained on: ${reason}.`)
  }
}

export class TrainingDivergedError extends WeightlessError {
  constructor(facts: { step: number; loss: string; gradNorm: string }) {
    super('tensor/training-diverged', 'The training produced an infinite or undefined number.', facts, {
      hint: 'Lower the learning rate.',
    })
  }
}
