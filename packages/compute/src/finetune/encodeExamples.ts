/** Examples as rows of tokens in the order in which they are trained on: the same seed gives the same rows anywhere. Spec: FINETUNING §4.3. */

import { textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { bareRow, type ModelDescription, type TokenRow, type TrainingMessage } from '@weightless/tensor'
import type { TrainingExample } from './readDataset.ts'
import type { TrainingParameters } from './trainingParameters.ts'
import { type TrainingPlan, TrainingRefusedError } from './trainingWorker.ts'

export type EncodedDataset = {
  rows: TokenRow[]
  heldOut: TokenRow[]
  /** Numbers of rows, a list for each step. */
  batches: number[][]
}

/** @throws {TrainingRefusedError} no row is left, or too many steps @throws {ChatTemplateError} */
export function encodeExamples(
  model: ModelDescription,
  examples: readonly TrainingExample[],
  parameters: TrainingParameters,
): EncodedDataset {
  const limit = Math.min(parameters.rowTokensMax, model.info.contextLength)
  const all = examples.map((example) => encodeRow(model, example, limit)).filter(isLearnable)
  const draw = createDraw(parameters.seed)
  const shuffled = shuffle(all, draw)
  const heldCount = Math.floor(shuffled.length * parameters.heldOutShare)
  const rows = shuffled.slice(heldCount)
  if (rows.length === 0) throw new TrainingRefusedError({ reason: 'no row is left to train on' })
  return { rows, heldOut: shuffled.slice(0, heldCount), batches: planBatches(rows.length, parameters, draw) }
}

export function planOf({ rows, heldOut, batches }: EncodedDataset): TrainingPlan {
  let trainedTokens = 0
  for (const batch of batches) for (const row of batch) trainedTokens += rows[row]!.tokens.length
  return { rows: rows.length, heldOutRows: heldOut.length, steps: batches.length, trainedTokens }
}

/** @param limit - tokens; longer rows are cut */
export function encodeRow(model: ModelDescription, example: TrainingExample, limit: number): TokenRow {
  const { tokens, mask } =
    'messages' in example ? chatRow(model, example.messages) : bareRow(model, example.prompt, example.completion)
  return { tokens: tokens.slice(0, limit), mask: mask.slice(0, limit) }
}

function chatRow({ tokenizer, promptTokens }: ModelDescription, messages: TrainingMessage[]): TokenRow {
  const head = promptTokens(messages.slice(0, -1))
  // What users write never becomes a control token.
  const tail = [...tokenizer.encode(messages.at(-1)!.content, { special: false }), tokenizer.tables.endToken]
  const tokens = [...head, ...tail]
  return { tokens, mask: tokens.map((_, at) => (at >= Math.max(1, head.length) ? 1 : 0)) }
}

const isLearnable = ({ mask }: TokenRow): boolean => mask.includes(1)

function planBatches(rowCount: number, parameters: TrainingParameters, draw: () => number): number[][] {
  const { batchRows, epochs, stepsMax } = parameters
  const wanted = Math.max(1, Math.ceil(Math.ceil(rowCount / batchRows) * epochs))
  const steps = Math.min(wanted, stepsMax ?? wanted)
  if (steps > stepsLimit) throw new TrainingRefusedError({ reason: `${steps} steps; at most ${stepsLimit}` })
  const numbers = Array.from({ length: rowCount }, (_, at) => at)
  const batches: number[][] = []
  while (batches.length < steps) {
    const order = shuffle(numbers, draw)
    for (let at = 0; at < rowCount; at += batchRows) batches.push(order.slice(at, at + batchRows))
  }
  return batches.slice(0, steps)
}

export const stepsLimit = 1_000_000

/** Fisher and Yates. */
export function shuffle<Item>(items: readonly Item[], draw: () => number): Item[] {
  const order = [...items]
  for (let at = order.length - 1; at > 0; at--) {
    const other = draw() % (at + 1)
    ;[order[at], order[other]] = [order[other]!, order[at]!]
  }
  return order
}

/** Whole numbers below 2^32: xorshift128 (Marsaglia 2003), started from a hash of the seed. */
export function createDraw(seed: number): () => number {
  const state = new Uint32Array(seedBytes(seed).slice().buffer, 0, 4).map((word) => word | 1)
  return () => {
    let t = state[3]!
    const s = state[0]!
    state.copyWithin(1, 0, 3)
    t ^= t << 11
    t ^= t >>> 8
    state[0] = t ^ s ^ (s >>> 19)
    return state[0]!
  }
}

/** 32 bytes from a small seed. */
export function seedBytes(seed: number): Uint8Array {
  return sha256(textToBytes(`weightless fine-tuning ${seed}`))
}
