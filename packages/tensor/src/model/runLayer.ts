/** The operators of one layer over the rows of a pass. Spec: spec/tensor.md §5, of families other than Llama §11. */
import { spread } from '../crew/spread.ts'
import { layerOperators } from './describeGraph.ts'
import { isLocalLayer } from './family.ts'
import { multiply } from './multiply.ts'
import { type Pass, quantiseRows, record, run, settle } from './passRows.ts'
import { placeBytes } from './scratch.ts'
import type { LayerWeights, Matrix } from './weights.ts'

export function runLayer(pass: Pass, layer: number): void {
  const { parts, rows } = pass
  const { arena, graph, weights, scratch } = parts
  const w = weights.layers[layer]!
  const { width, epsilon } = graph
  const operator = 1 + layer * layerOperators.length

  arena.kernels.rmsNorm(scratch.x, w.attentionNorm, scratch.y, width, rows, epsilon)
  record(pass, operator, scratch.y, width)
  project(pass, w, operator)
  turnHeads(pass, layer)
  record(pass, operator + 1, scratch.qkv, scratch.qkvWidth)
  attend(pass, layer)
  record(pass, operator + 2, scratch.mix, graph.headCount * graph.headSize)
  settle(pass)
  addProduct(pass, w.attentionOutput, scratch.mix, w.vectors?.mixNorm, operator + 2)
  record(pass, operator + 3, scratch.x, width)

  arena.kernels.rmsNorm(scratch.x, w.ffnNorm, scratch.y, width, rows, epsilon)
  record(pass, operator + 4, scratch.y, width)
  gate(pass, w, operator + 4)
  settle(pass)
  record(pass, operator + 5, scratch.gate, graph.hiddenWidth)
  addProduct(pass, w.down, scratch.gate, w.vectors?.downNorm, operator + 5)
  record(pass, operator + 6, scratch.x, width)
}

/** Queries, keys and values side by side in one row per position. */
function project(pass: Pass, w: LayerWeights, operator: number): void {
  const { arena, graph, scratch } = pass.parts
  const matrices = [w.query, w.key, w.value]
  quantiseRows(pass, scratch.y, graph.width, matrices, operator)
  let column = 0
  for (const matrix of matrices) {
    multiply(pass.parts, matrix, scratch.y, scratch.qkv + column * 4, scratch.qkvWidth * 4, pass.rows)
    column += matrix.rows
  }
  run(pass)
  const { qkv, qkvWidth } = scratch
  if (w.vectors?.biases) arena.kernels.addBiases(qkv, qkvWidth * 4, w.vectors.biases, qkvWidth, pass.rows)
}

/** Normalises heads of queries and keys, where the family does, and turns them. */
function turnHeads({ parts, rows }: Pass, layer: number): void {
  const { arena, graph, weights, scratch } = parts
  const { kernels } = arena
  const { headCount, keyHeadCount, headSize, rotatedSize, epsilon, family } = graph
  const { vectors } = weights.layers[layer]!
  const { qkv } = scratch
  const stride = scratch.qkvWidth * 4
  if (vectors && family.normsHeads) {
    kernels.normHeads(qkv, stride, headCount, headSize, vectors.queryNorm, rows, epsilon)
    kernels.normHeads(qkv + headCount * headSize * 4, stride, keyHeadCount, headSize, vectors.keyNorm, rows, epsilon)
  }
  const isLocal = isLocalLayer(family, layer)
  const cosines = isLocal ? scratch.localCosines : scratch.cosines
  const sines = isLocal ? scratch.localSines : scratch.sines
  const turn = family.rotation === 'halves' ? kernels.rotateHalves : kernels.rotate
  // Queries and keys are neighbours, so one call turns the heads of both.
  turn(qkv, stride, headCount + keyHeadCount, headSize, rotatedSize, cosines, sines, rows)
}

function attend(pass: Pass, layer: number): void {
  const { parts, rows } = pass
  const { arena, graph, scratch, round, scoreFactor } = parts
  const { headCount, keyHeadCount, headSize, family } = graph
  const { qkv, places, headShape } = scratch
  const stride = scratch.qkvWidth * 4
  const k = qkv + headCount * headSize * 4
  const v = k + keyHeadCount * headSize * 4
  arena.kernels.storeKeys(k, v, stride, places, keyHeadCount, headSize, layer, rows)
  const window = isLocalLayer(family, layer) ? family.window : wholeContext
  const isPlain = window === wholeContext && family.scoreCap === 0
  spread(parts, rows, rows, (from, count) => {
    const [query, out] = [qkv + from * stride, scratch.mix + from * headCount * headSize * 4]
    const at = places + from * placeBytes
    if (isPlain)
      round.add('attend', query, stride, out, at, 0, headCount, keyHeadCount, headSize, layer, count, scoreFactor)
    else
      round.add('attendNear', query, stride, out, at, 0, headShape, layer, count, scoreFactor, window, family.scoreCap)
  })
  run(pass)
}

/** More positions than there ever are. */
const wholeContext = 2 ** 30

/** The gated hidden values of the normalised rows. */
function gate(pass: Pass, w: LayerWeights, operator: number): void {
  const { parts, rows } = pass
  const { graph, scratch, round } = parts
  const { width, hiddenWidth, family } = graph
  quantiseRows(pass, scratch.y, width, [w.gate, w.up], operator)
  multiply(parts, w.gate, scratch.y, scratch.gate, hiddenWidth * 4, rows)
  multiply(parts, w.up, scratch.y, scratch.up, hiddenWidth * 4, rows)
  run(pass)
  const kernel = family.gate === 'gelu' ? 'geluMultiply' : 'siluMultiply'
  spread(parts, rows, rows, (from, count) => {
    const at = from * hiddenWidth * 4
    round.add(kernel, scratch.gate + at, scratch.up + at, count * hiddenWidth)
  })
  run(pass)
}

/** Adds a product to the residual stream, normalised where there is a `norm`. */
function addProduct(pass: Pass, matrix: Matrix, input: number, norm: number | undefined, operator: number): void {
  const { parts, rows } = pass
  const { arena, graph, scratch } = parts
  const { width, epsilon } = graph
  quantiseRows(pass, input, matrix.columns, [matrix], operator)
  multiply(parts, matrix, input, scratch.y, width * 4, rows)
  run(pass)
  if (norm) arena.kernels.rmsNorm(scratch.y, norm, scratch.y, width, rows, epsilon)
  arena.kernels.addInto(scratch.x, scratch.y, rows * width)
}
