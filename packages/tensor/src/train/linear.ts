/**
 * A matrix of the base with its part of the adapter: y = W·x + s·(B·(A·x)), and its backward, which needs no gradient of W.
 * Spec: spec/training.md §3.
 */
import type { AdapterTarget } from '../adapter/adapterTargets.ts'
import { fieldOf } from '../adapter/adapterTargets.ts'
import type { EngineParts } from '../model/engineParts.ts'
import type { Matrix } from '../model/weights.ts'
import { matrixSlot, type WholeWeights } from './full/wholeWeights.ts'
import type { LoraSlot, LoraWeights } from './loraWeights.ts'
import { shareOut } from './shareOut.ts'
import type { TrainBuffers } from './trainBuffers.ts'

/** One row of tokens in a pass. */
export type RowSpan = { start: number; length: number }

/** What learns: an adapter beside the matrices, or all weights. */
export type Learning =
  | {
      what: 'adapter'
      lora: LoraWeights
      /** By layer and target. */
      slotOf: ReadonlyMap<string, LoraSlot>
      /** alpha ÷ rank, as f32. */
      scale: number
    }
  | { what: 'weights'; whole: WholeWeights }

export type TrainPass = {
  parts: EngineParts
  learning: Learning
  buffers: TrainBuffers
  spans: readonly RowSpan[]
  /** Positions of all rows, rounded up to a multiple of four. */
  positions: number
  /** Address of room for `gemmPanelBytes` per thread. */
  panel: number
}

/** out = W·x for all positions; strides in bytes. */
export function multiplyRows(
  pass: TrainPass,
  matrix: { kind: number; address: number; groups: number; columns: number; groupBytes: number },
  x: number,
  out: number,
  outStride: number,
  positions = pass.positions,
): void {
  const { kind, address, groups, columns, groupBytes } = matrix
  shareOut(pass.parts, 'gemmRows', groups, positions, (from, count) => {
    const [w, to] = [address + from * groupBytes, out + from * 32]
    return [kind, w, x, columns * 4, to, outStride, count, columns, positions, pass.panel]
  })
}

/** out = y·W for all positions. */
export function multiplyColumns(
  pass: TrainPass,
  matrix: { kind: number; address: number; groups: number; columns: number },
  y: number,
  yStride: number,
  out: number,
  positions = pass.positions,
): void {
  const { kind, address, groups, columns } = matrix
  shareOut(pass.parts, 'gemmColumns', Math.ceil(columns / 32), positions, (from, count) => {
    const [first, width] = [from * 32, Math.min(columns, (from + count) * 32) - from * 32]
    return [kind, address, y, yStride, out, groups * 8, columns, first, width, positions, pass.panel]
  })
}

export function linear(
  pass: TrainPass,
  layer: number,
  target: AdapterTarget,
  x: number,
  out: number,
  outStride: number,
): void {
  const { parts, learning, buffers, positions } = pass
  multiplyRows(pass, parts.weights.layers[layer]![fieldOf(target)], x, out, outStride)
  const slot = learning.what === 'adapter' ? learning.slotOf.get(slotKey(layer, target)) : undefined
  if (learning.what !== 'adapter' || slot === undefined) return
  const { lora, scale } = learning
  const { a, b } = packedOf(lora, slot)
  multiplyRows(pass, a, x, buffers.low, lora.paddedRank * 4)
  multiplyRows(pass, b, buffers.low, buffers.wide2, slot.rows * 4)
  parts.arena.kernels.addScaled(out, outStride, buffers.wide2, slot.rows * 4, slot.rows, positions, scale)
}

/**
 * Adds the gradients of the matrix or of its A and B, and to `dx` (added when `adds`, else written; 0 for none) the gradient of the input.
 * @param x - the input of the forward pass
 */
export function linearBack(
  pass: TrainPass,
  layer: number,
  target: AdapterTarget,
  x: number,
  dOut: number,
  dOutStride: number,
  dx: number,
  adds: boolean,
): void {
  const { parts, learning, buffers, positions } = pass
  const { kernels } = parts.arena
  const base: Matrix = parts.weights.layers[layer]![fieldOf(target)]
  const addProduct = (matrix: Parameters<typeof multiplyColumns>[1], y: number, yStride: number, first: boolean) => {
    multiplyColumns(pass, matrix, y, yStride, first ? dx : buffers.wide2)
    if (!first) kernels.addInto(dx, buffers.wide2, positions * base.columns)
  }
  if (dx !== 0) addProduct(base, dOut, dOutStride, !adds)
  if (learning.what === 'weights') {
    const { at } = matrixSlot(learning.whole, layer, target)
    addGradient(pass, dOut, dOutStride, x, base.columns * 4, learning.whole.gradients + at * 4, base.rows)
    return
  }
  const slot = learning.slotOf.get(slotKey(layer, target))
  if (slot === undefined) return
  const { lora, scale } = learning
  const { a, b } = packedOf(lora, slot)
  const lowStride = lora.paddedRank * 4
  multiplyRows(pass, a, x, buffers.low, lowStride)
  kernels.scaleValues(buffers.low, positions * lora.paddedRank, scale)
  multiplyColumns(pass, b, dOut, dOutStride, buffers.lowGradient)
  kernels.scaleValues(buffers.lowGradient, positions * lora.paddedRank, scale)
  addGradient(pass, dOut, dOutStride, buffers.low, lowStride, lora.gradients + slot.b * 4, slot.rows)
  const lowGradient = lora.gradients + slot.a * 4
  addGradient(pass, buffers.lowGradient, lowStride, x, slot.columns * 4, lowGradient, lora.paddedRank)
  if (dx !== 0) addProduct(a, buffers.lowGradient, lowStride, false)
}

/** to[row][column] += Σ over positions of left[position][row] · right[position][column], row of tokens by row of tokens. */
function addGradient(
  pass: TrainPass,
  left: number,
  leftStride: number,
  right: number,
  rightStride: number,
  to: number,
  rows: number,
): void {
  for (const { start, length } of pass.spans) {
    const width = rightStride / 4
    shareOut(pass.parts, 'gradientOuter', rows / 8, length, (from, count) => {
      const [l, r] = [left + start * leftStride + from * 32, right + start * rightStride]
      return [l, leftStride, r, rightStride, to + from * 8 * rightStride, rightStride, count * 8, width, length]
    })
  }
}

export function slotKey(layer: number, target: AdapterTarget): string {
  return `${layer} ${target}`
}

/** A and B as matrices of the kernels. */
function packedOf({ packed, paddedRank }: LoraWeights, { a, b, columns, rows }: LoraSlot) {
  return {
    a: { kind: 0, address: packed + a * 4, groups: paddedRank / 8, columns, groupBytes: columns * 32 },
    b: { kind: 0, address: packed + b * 4, groups: rows / 8, columns: paddedRank, groupBytes: paddedRank * 32 },
  }
}
