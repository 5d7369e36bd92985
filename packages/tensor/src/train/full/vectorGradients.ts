/** Gradients of what is no matrix of a layer: norms, and the rows of the embedding that were looked up. Spec: spec/training.md §8.3. */
import type { TokenRow } from '../forwardPass.ts'
import type { TrainPass } from '../linear.ts'
import { vectorSlot, type WholeWeights } from './wholeWeights.ts'

/** Adds the gradient of a layer's norm, whose output's gradient is in `buffers.dy`, where all weights learn. @param x - its input */
export function normBack(pass: TrainPass, layer: number, name: 'attn_norm' | 'ffn_norm', x: number): void {
  const { learning, parts, buffers } = pass
  if (learning.what === 'adapter') return
  const { whole } = learning
  const { width, epsilon } = parts.graph
  const to = whole.gradients + vectorSlot(whole, layer, name).at * 4
  for (const { start, length } of pass.spans) {
    const at = start * width * 4
    parts.arena.kernels.normWeightBack(x + at, buffers.dy + at, to, width, length, epsilon, whole.sums)
  }
}

/** Adds the gradients of the embedding as input: each token's row gets the sum over its places. */
export function embeddingBack(pass: TrainPass, whole: WholeWeights, rows: readonly TokenRow[]): void {
  const { parts, buffers, spans } = pass
  const { arena, graph } = parts
  const rowBytes = graph.width * 4
  for (const [i, { tokens }] of rows.entries()) {
    const places = new Map<number, number[]>()
    tokens.forEach((token, place) => {
      const known = places.get(token)
      if (known === undefined) places.set(token, [place])
      else known.push(place)
    })
    const x = buffers.dx + spans[i]!.start * rowBytes
    for (const [token, list] of places) {
      arena.words(whole.places, list.length).set(list)
      const to = whole.embedded + token * rowBytes
      arena.kernels.addPlaces(whole.places, list.length, x, to, graph.width, whole.sums)
    }
  }
}
