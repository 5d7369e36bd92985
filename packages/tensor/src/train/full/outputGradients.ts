/** Gradients of the output matrix and the norm before it, from the positions that count. Spec: spec/training.md §8.3. */
import type { TrainPass } from '../linear.ts'
import type { LossRoom } from '../lossRoom.ts'
import { shareOut } from '../shareOut.ts'
import { outputSlot, vectorSlot } from './wholeWeights.ts'

/** A position whose next token counts: its row of tokens, its position in the pass, the token to be learnt. */
export type Place = { row: number; at: number; token: number }

/** Adds a piece's part: at most 256 positions of one row, `isFirst` if no piece of the row came before. */
export function outputBack(
  { learning, parts, buffers }: TrainPass,
  room: LossRoom,
  { first, count, isFirst, isLast }: { first: number; count: number; isFirst: boolean; isLast: boolean },
): void {
  if (learning.what === 'adapter') return
  const { whole } = learning
  const { groups, columns } = parts.weights.output
  const gradients = whole.gradients + outputSlot(whole).at * 4
  const rowBytes = columns * 4
  // A row of several runs is summed apart, so that it is added as one sum.
  const to = isFirst && isLast ? gradients : whole.outer
  const values = groups * 8 * columns
  if (isFirst && !isLast) parts.arena.floats(to, values).fill(0)
  shareOut(parts, 'gradientOuter', groups, count, (from, some) => {
    const left = room.logits + from * 32
    const right = buffers.headY + first * rowBytes
    return [left, groups * 32, right, rowBytes, to + from * 8 * rowBytes, rowBytes, some * 8, columns, count]
  })
  if (isLast && !isFirst) parts.arena.kernels.addInto(gradients, whole.outer, values)
}

/** Adds the gradient of the output's norm, row of tokens by row. */
export function outputNormBack({ learning, parts, buffers }: TrainPass, places: readonly Place[]): void {
  if (learning.what === 'adapter') return
  const { whole } = learning
  const { width, epsilon } = parts.graph
  const to = whole.gradients + vectorSlot(whole, undefined, 'output_norm').at * 4
  for (let first = 0, end = 0; first < places.length; first = end) {
    while (places[end]?.row === places[first]!.row) end++
    const at = first * width * 4
    const [x, dy] = [buffers.head + at, buffers.headGradientY + at]
    parts.arena.kernels.normWeightBack(x, dy, to, width, end - first, epsilon, whole.sums)
  }
}
