/** The backward pass: from the gradient of the last layer's output to those of what learns. Spec: spec/training.md §3, §8.3. */
import { attendRows, gateRows, keepOf, runTrainLayer, type TokenRow } from './forwardPass.ts'
import { embeddingBack, normBack } from './full/vectorGradients.ts'
import { linearBack, type TrainPass } from './linear.ts'
import { shareOut } from './shareOut.ts'
import type { LayerKeep } from './trainBuffers.ts'

/** `buffers.dx` holds the gradient of the output; what it holds at the end has no meaning. */
export function runBackward(pass: TrainPass, rows: readonly TokenRow[]): void {
  for (let layer = pass.parts.graph.layerCount - 1; layer >= 0; layer--) {
    if (!pass.buffers.keepsAll) runTrainLayer(pass, layer)
    const keep = keepOf(pass, layer)
    backFeedForward(pass, layer, keep)
    backAttention(pass, layer, keep)
  }
  if (pass.learning.what === 'weights') embeddingBack(pass, pass.learning.whole, rows)
}

function backFeedForward(pass: TrainPass, layer: number, keep: LayerKeep): void {
  const { parts, buffers, positions } = pass
  const { graph } = parts
  const { kernels } = parts.arena
  const w = parts.weights.layers[layer]!
  const { dx, dy, y } = buffers
  const hiddenStride = graph.hiddenWidth * 4
  // The products that entered the sum are made anew; their gradient and those of gate and up take one wide row each.
  gateRows(pass, keep)
  const gradient = buffers.hidden
  linearBack(pass, layer, 'down', buffers.wide, dx, graph.width * 4, gradient, false)
  shareOut(parts, 'gateBack', positions, positions, (from, count) => {
    const at = from * hiddenStride
    const [gate, up, d] = [keep.gate + at, keep.up + at, gradient + at]
    return [gate, up, d, d, buffers.wide + at, count * graph.hiddenWidth]
  })
  kernels.rmsNorm(keep.middle, w.ffnNorm, y, graph.width, positions, graph.epsilon)
  linearBack(pass, layer, 'gate', y, gradient, hiddenStride, dy, false)
  linearBack(pass, layer, 'up', y, buffers.wide, hiddenStride, dy, true)
  normBack(pass, layer, 'ffn_norm', keep.middle)
  kernels.rmsNormBack(keep.middle, w.ffnNorm, dy, dx, graph.width, positions, graph.epsilon)
}

function backAttention(pass: TrainPass, layer: number, keep: LayerKeep): void {
  const { parts, buffers, positions } = pass
  const { graph, scratch } = parts
  const { kernels } = parts.arena
  const w = parts.weights.layers[layer]!
  const { dx, dy, y, dqkv } = buffers
  const { headCount, keyHeadCount, headSize } = graph
  const queryWidth = headCount * headSize
  const keyWidth = keyHeadCount * headSize
  const [stride, headStride] = [scratch.qkvWidth * 4, queryWidth * 4]
  linearBack(pass, layer, 'o', keep.mix, dx, graph.width * 4, buffers.dMix, false)
  attendRows(pass, keep, 'attendRowBack')
  const [dk, dv] = [dqkv + headStride, dqkv + headStride + keyWidth * 4]
  const share = headCount / keyHeadCount
  kernels.sumHeads(buffers.wide2, headStride, dqkv, stride, headCount, 1, headSize, positions)
  kernels.sumHeads(buffers.dkHeads, headStride, dk, stride, keyHeadCount, share, headSize, positions)
  kernels.sumHeads(buffers.dvHeads, headStride, dv, stride, keyHeadCount, share, headSize, positions)
  const { cosines, sinesBack } = buffers
  kernels.rotate(dqkv, stride, headCount + keyHeadCount, headSize, graph.rotatedSize, cosines, sinesBack, positions)
  const x = buffers.inputs[layer]!
  kernels.rmsNorm(x, w.attentionNorm, y, graph.width, positions, graph.epsilon)
  // Below the lowest layer an adapter learns nothing, so its input's gradient is not made.
  const into = layer === 0 && pass.learning.what === 'adapter' ? 0 : dy
  linearBack(pass, layer, 'q', y, dqkv, stride, into, false)
  linearBack(pass, layer, 'k', y, dk, stride, into, true)
  linearBack(pass, layer, 'v', y, dv, stride, into, true)
  if (into === 0) return
  normBack(pass, layer, 'attn_norm', x)
  kernels.rmsNormBack(x, w.attentionNorm, dy, dx, graph.width, positions, graph.epsilon)
}
