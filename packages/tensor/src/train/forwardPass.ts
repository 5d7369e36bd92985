/** The forward pass of training over whole rows of tokens: the graph of inference with exact f32 weights. Spec: spec/training.md §3. */
import { ropeRows } from '../model/ropeTable.ts'
import { linear, type TrainPass } from './linear.ts'
import { shareOut } from './shareOut.ts'
import type { LayerKeep } from './trainBuffers.ts'

export type TokenRow = {
  tokens: readonly number[]
  /** 1 where the token is to be learnt, given those before it; the first cannot be. */
  mask: readonly number[]
}

/** Embeds the rows and runs all layers; the output is the last of `buffers.inputs`. */
export function runForward(pass: TrainPass, rows: readonly TokenRow[]): void {
  const { parts, buffers } = pass
  const { arena, graph, weights } = parts
  const { embedding } = weights
  const longest = Math.max(...rows.map(({ tokens }) => tokens.length))
  const angles = ropeRows(parts.angles, 0, longest)
  for (const [i, { tokens }] of rows.entries()) {
    const { start } = pass.spans[i]!
    const at = start * graph.rotatedSize * 4
    const count = tokens.length * graph.rotatedSize
    arena.floats(buffers.cosines + at, count).set(angles.cosines.subarray(0, count))
    arena.floats(buffers.sines + at, count).set(angles.sines.subarray(0, count))
    const back = arena.floats(buffers.sinesBack + at, count)
    for (let j = 0; j < count; j++) back[j] = -angles.sines[j]!
    tokens.forEach((token, j) => {
      const group = embedding.address + (token >> 3) * embedding.groupBytes
      const to = buffers.inputs[0]! + (start + j) * graph.width * 4
      arena.kernels.embedRow(group, token & 7, embedding.kind, graph.width, to)
    })
  }
  for (let layer = 0; layer < graph.layerCount; layer++) runTrainLayer(pass, layer)
}

export function keepOf(pass: TrainPass, layer: number): LayerKeep {
  return pass.buffers.keeps[pass.buffers.keepsAll ? layer : 0]!
}

/** From `inputs[layer]` to `inputs[layer + 1]`, keeping what the backward pass needs. */
export function runTrainLayer(pass: TrainPass, layer: number): void {
  const { parts, buffers, positions } = pass
  const { graph, scratch } = parts
  const { kernels } = parts.arena
  const w = parts.weights.layers[layer]!
  const keep = keepOf(pass, layer)
  const x = buffers.inputs[layer]!
  const width = graph.width
  const { qkvWidth } = scratch
  const queryWidth = graph.headCount * graph.headSize
  const keyWidth = graph.keyHeadCount * graph.headSize
  kernels.rmsNorm(x, w.attentionNorm, buffers.y, width, positions, graph.epsilon)
  linear(pass, layer, 'q', buffers.y, keep.qkv, qkvWidth * 4)
  linear(pass, layer, 'k', buffers.y, keep.qkv + queryWidth * 4, qkvWidth * 4)
  linear(pass, layer, 'v', buffers.y, keep.qkv + (queryWidth + keyWidth) * 4, qkvWidth * 4)
  const heads = graph.headCount + graph.keyHeadCount
  const { cosines, sines } = buffers
  kernels.rotate(keep.qkv, qkvWidth * 4, heads, graph.headSize, graph.rotatedSize, cosines, sines, positions)
  attendRows(pass, keep, 'attendRow')
  linear(pass, layer, 'o', keep.mix, keep.middle, width * 4)
  kernels.addInto(keep.middle, x, positions * width)
  kernels.rmsNorm(keep.middle, w.ffnNorm, buffers.y, width, positions, graph.epsilon)
  linear(pass, layer, 'gate', buffers.y, keep.gate, graph.hiddenWidth * 4)
  linear(pass, layer, 'up', buffers.y, keep.up, graph.hiddenWidth * 4)
  gateRows(pass, keep)
  const out = buffers.inputs[layer + 1]!
  linear(pass, layer, 'down', buffers.wide, out, width * 4)
  kernels.addInto(out, keep.middle, positions * width)
}

/** The gated values of a layer, into `wide`. */
export function gateRows(pass: TrainPass, keep: LayerKeep): void {
  const { hiddenWidth } = pass.parts.graph
  shareOut(pass.parts, 'gateForward', pass.positions, pass.positions, (from, count) => {
    const at = from * hiddenWidth * 4
    return [keep.gate + at, keep.up + at, pass.buffers.wide + at, count * hiddenWidth]
  })
}

/** Attention of every row of tokens, or its backward, heads shared between threads. Rows go in order: each may scribble on the next. */
export function attendRows(pass: TrainPass, keep: LayerKeep, kernel: 'attendRow' | 'attendRowBack'): void {
  const { parts, buffers } = pass
  const { graph, scratch, arena } = parts
  const queryWidth = graph.headCount * graph.headSize
  const keyWidth = graph.keyHeadCount * graph.headSize
  const [stride, outStride] = [scratch.qkvWidth * 4, queryWidth * 4]
  for (const { start, length } of pass.spans) {
    const q = keep.qkv + start * stride
    const k = q + queryWidth * 4
    const task = arena.words(buffers.attendTask, 14)
    task.set([q, k, k + keyWidth * 4, stride, keep.mix + start * outStride, outStride, length])
    task.set([graph.headCount / graph.keyHeadCount, graph.headSize], 7)
    arena.floats(buffers.attendTask + 36, 1)[0] = parts.scoreFactor
    // The gradient of queries has the stride of `out`, like those of keys and values per query head.
    const { dMix, wide2, dkHeads, dvHeads } = buffers
    task.set(
      [dMix, wide2, dkHeads, dvHeads].map((address) => address + start * outStride),
      10,
    )
    shareOut(parts, kernel, graph.headCount, length, (from, count) => {
      return [buffers.attendTask, from, count, buffers.attendScratch, buffers.attendScratchBytes]
    })
  }
}
