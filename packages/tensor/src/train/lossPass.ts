/**
 * Cross-entropy at the positions whose next token counts, in pieces so that memory does not grow with vocabulary × length, its gradient at
 * the last layer's output, and where all weights learn that of the output matrix. Spec: spec/training.md §3, §8.3.
 */
import type { EngineParts } from '../model/engineParts.ts'
import { naturalLog } from '../sampler/naturalLog.ts'
import type { TokenRow } from './forwardPass.ts'
import { outputBack, outputNormBack, type Place } from './full/outputGradients.ts'
import { type Learning, multiplyColumns, multiplyRows, type TrainPass } from './linear.ts'
import type { LossRoom } from './lossRoom.ts'
import { shareOut } from './shareOut.ts'

/** Positions of a piece: a run of a fold where gradients are summed over them. */
const pieceMax = { adapter: 64, weights: 256 } as const

export function allocateLossRoom(parts: EngineParts, { what }: Learning): LossRoom {
  const padded = parts.weights.output.groups * 8
  const sumsBytes = Math.ceil(padded / 256) * 4 + 64
  const { arena } = parts
  return {
    logits: arena.allocate(pieceMax[what] * padded * 4),
    sums: arena.allocate(sumsBytes * parts.members),
    sumsBytes,
  }
}

export type RowLoss = {
  /** Sum over the row's counted tokens, nats. */
  loss: number
  counted: number
  /** Tokens that were the likeliest. */
  correct: number
}

/**
 * @param factor - what the gradient of each token's loss is multiplied by; undefined for no gradient. Otherwise
 * `buffers.dx` is written.
 */
export function runLoss(
  pass: TrainPass,
  room: LossRoom,
  rows: readonly TokenRow[],
  factor: number | undefined,
): RowLoss[] {
  const { parts, buffers } = pass
  const { arena, graph } = parts
  const width = graph.width
  const output = buffers.inputs[graph.layerCount]!
  const places: Place[] = rows.flatMap(({ tokens, mask }, row) => {
    const { start } = pass.spans[row]!
    return tokens.flatMap((token, i) => (i > 0 && mask[i] === 1 ? [{ row, at: start + i - 1, token }] : []))
  })
  for (const [i, { at, token }] of places.entries()) {
    arena.floats(buffers.head + i * width * 4, width).set(arena.floats(output + at * width * 4, width))
    arena.words(buffers.targets, places.length)[i] = token
  }
  arena.floats(buffers.headGradient, places.length * width).fill(0)
  for (const { first, count } of planPieces(pass, places)) {
    runPiece(pass, room, first, count, factor)
    const isFirst = places[first - 1]?.row !== places[first]!.row
    const isLast = places[first + count]?.row !== places[first]!.row
    if (factor !== undefined) outputBack(pass, room, { first, count, isFirst, isLast })
  }
  if (factor !== undefined) outputNormBack(pass, places)
  const losses: number[][] = rows.map(() => [])
  const correct = rows.map(() => 0)
  const dx = factor === undefined ? undefined : arena.floats(buffers.dx, pass.positions * width).fill(0)
  for (const [i, { row, at, token }] of places.entries()) {
    const [top, total, own] = arena.floats(buffers.stats + i * 16, 3)
    losses[row]!.push(naturalLog(total!) + (top! - own!))
    if (arena.words(buffers.stats + i * 16 + 12, 1)[0] === token) correct[row]!++
    dx?.set(arena.floats(buffers.headGradient + i * width * 4, width), at * width)
  }
  return rows.map((_, row) => ({ loss: sum(losses[row]!), counted: losses[row]!.length, correct: correct[row]! }))
}

/** Places go row by row where gradients are summed over them, since those of each row are a fold of their own. */
function planPieces({ learning }: TrainPass, places: readonly Place[]): { first: number; count: number }[] {
  const most = pieceMax[learning.what]
  const pieces: { first: number; count: number }[] = []
  for (const [i, { row }] of places.entries()) {
    const last = pieces.at(-1)
    const joins = learning.what === 'adapter' || row === places[i - 1]?.row
    if (last !== undefined && joins && last.count < most) last.count++
    else pieces.push({ first: i, count: 1 })
  }
  return pieces
}

function runPiece(pass: TrainPass, room: LossRoom, first: number, count: number, factor: number | undefined): void {
  const { parts, buffers } = pass
  const { arena, graph, weights } = parts
  const { kernels } = arena
  const rowBytes = graph.width * 4
  const at = first * rowBytes
  const stride = weights.output.groups * 32
  const even = Math.ceil(count / 4) * 4
  kernels.rmsNorm(buffers.head + at, weights.outputNorm, buffers.headY + at, graph.width, even, graph.epsilon)
  multiplyRows(pass, weights.output, buffers.headY + at, room.logits, stride, even)
  shareOut(parts, 'crossEntropy', count, count, (from, some) => {
    const [logits, targets] = [room.logits + from * stride, buffers.targets + (first + from) * 4]
    const stats = buffers.stats + (first + from) * 16
    return [logits, stride, graph.vocabSize, targets, some, factor ?? 0, stats, room.sums, room.sumsBytes]
  })
  if (factor === undefined) return
  multiplyColumns(pass, weights.output, room.logits, stride, buffers.headGradientY + at, even)
  const [x, dy, dx] = [buffers.head + at, buffers.headGradientY + at, buffers.headGradient + at]
  kernels.rmsNormBack(x, weights.outputNorm, dy, dx, graph.width, count, graph.epsilon)
}

/** Sum in order, in runs of 256. */
export function sum(values: readonly number[]): number {
  if (values.length <= 256) return values.reduce((total, value) => total + value, 0)
  const runs: number[] = []
  for (let i = 0; i < values.length; i += 256) runs.push(sum(values.slice(i, i + 256)))
  return sum(runs)
}
