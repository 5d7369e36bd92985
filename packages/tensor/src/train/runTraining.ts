/**
 * Goes over a data set in epochs, each in its own order drawn from the seed, from wherever the trainer's cursor stands: after a stop the
 * same batches follow. Spec: spec/training.md §5.
 */
import { streamWords } from '../sampler/philox.ts'
import type { TokenRow } from './forwardPass.ts'
import type { LoraTrainer } from './openLoraTrainer.ts'
import type { TrainStep } from './trainer.ts'

export type TrainingProgress = TrainStep & {
  totalSteps: number
  /** From 0. */
  epoch: number
  /** Since the last report; undefined without a clock. */
  tokensPerSecond: number | undefined
}

export type TrainingPlan = {
  epochs: number
  /** Rows of a step, 1 to 256; the last step of an epoch may have fewer. */
  batchRows: number
}

export type TrainingHooks = {
  /** Called after each step; may wait, to save a state or to let others work. */
  onProgress?: (progress: TrainingProgress) => void | Promise<void>
  signal?: AbortSignal
  /** A clock for `tokensPerSecond`. */
  nowMs?: () => number
}

const orderDomain = 0x53687566

export function totalStepsOf(rowCount: number, { epochs, batchRows }: TrainingPlan): number {
  return epochs * Math.ceil(rowCount / batchRows)
}

/** @returns whether the plan was finished; false when the signal stopped it between two steps */
export async function runTraining(
  trainer: LoraTrainer,
  rows: readonly TokenRow[],
  plan: TrainingPlan,
  { onProgress, signal, nowMs }: TrainingHooks = {},
): Promise<boolean> {
  const totalSteps = totalStepsOf(rows.length, plan)
  let order: { epoch: number; rows: Uint32Array } | undefined
  let beganMs = nowMs?.()
  while (trainer.progress.rowsSeen < rows.length * plan.epochs) {
    if (signal?.aborted) return false
    const { rowsSeen } = trainer.progress
    const epoch = Math.floor(rowsSeen / rows.length)
    if (order?.epoch !== epoch) order = { epoch, rows: shuffledRows(trainer.options.seed32, epoch, rows.length) }
    const at = rowsSeen % rows.length
    const step = trainer.step(Array.from(order.rows.subarray(at, at + plan.batchRows), (index) => rows[index]!))
    const endedMs = nowMs?.()
    const tokensPerSecond = secondsRate(step.tokens, beganMs, endedMs)
    beganMs = endedMs
    await onProgress?.({ ...step, totalSteps, epoch, tokensPerSecond })
  }
  return true
}

function secondsRate(tokens: number, fromMs: number | undefined, toMs: number | undefined): number | undefined {
  if (fromMs === undefined || toMs === undefined || toMs <= fromMs) return undefined
  return (tokens * 1000) / (toMs - fromMs)
}

/** Fisher–Yates from the end: row i changes places with ⌊(i + 1) × word ÷ 2³²⌋. */
export function shuffledRows(seed32: Uint8Array, epoch: number, count: number): Uint32Array {
  const rows = Uint32Array.from({ length: count }, (_, i) => i)
  for (let i = count - 1; i > 0; i--) {
    const word = streamWords(seed32, orderDomain, epoch, i >> 2)[i & 3]!
    const other = Math.floor(((i + 1) * word) / 2 ** 32)
    const kept = rows[i]!
    rows[i] = rows[other]!
    rows[other] = kept
  }
  return rows
}
