/**
 * The adapter in training: A [rank][columns] and B [rows][rank] of every target, their gradients and moments, each one flat list
 * of f32. The rank is padded to a multiple of eight with zeroes that stay zero. Spec: spec/training.md §4.
 */
import { type AdapterTarget, fieldOf, targetShape } from '../adapter/adapterTargets.ts'
import type { Arena } from '../kernels/loadKernels.ts'
import type { Graph } from '../model/describeGraph.ts'
import type { Matrix, Weights } from '../model/weights.ts'
import { streamWords } from '../sampler/philox.ts'
import type { LoraOptions } from './loraOptions.ts'

/** Where the parts of one target lie in the flat lists, in values. */
export type LoraSlot = {
  layer: number
  target: AdapterTarget
  base: Matrix
  columns: number
  rows: number
  a: number
  b: number
}

export type LoraWeights = {
  slots: readonly LoraSlot[]
  /** Rank padded to a multiple of eight. */
  paddedRank: number
  /** Values in each list. */
  length: number
  /** Addresses. */
  values: number
  gradients: number
  means: number
  powers: number
  /** The values in the layout of the kernels: eight rows as lanes. */
  packed: number
}

const initDomain = 0x4c6f5241

export function createLoraWeights(graph: Graph, weights: Weights, arena: Arena, options: LoraOptions): LoraWeights {
  const paddedRank = Math.ceil(options.rank / 8) * 8
  const slots: LoraSlot[] = []
  let length = 0
  for (let layer = 0; layer < graph.layerCount; layer++) {
    for (const target of options.targets) {
      const { columns, rows } = targetShape(graph, target)
      const base = weights.layers[layer]![fieldOf(target)]
      slots.push({ layer, target, base, columns, rows, a: length, b: length + paddedRank * columns })
      length += paddedRank * (columns + rows)
    }
  }
  const list = () => arena.allocate(length * 4)
  const lora = {
    slots,
    paddedRank,
    length,
    values: list(),
    gradients: list(),
    means: list(),
    powers: list(),
    packed: list(),
  }
  drawInitial(lora, arena, options)
  packLora(lora, arena)
  return lora
}

/** A is uniform in ±1 ÷ √columns, B zero: the adapter begins without effect. */
function drawInitial({ slots, values }: LoraWeights, arena: Arena, { rank, seed32 }: LoraOptions): void {
  for (const [stream, slot] of slots.entries()) {
    const bound = 1 / Math.sqrt(slot.columns)
    const count = rank * slot.columns
    const into = arena.floats(values + slot.a * 4, count)
    for (let i = 0; i < count; i += 4) {
      const words = streamWords(seed32, initDomain, stream, i / 4)
      for (let j = 0; j < 4 && i + j < count; j++) into[i + j] = ((words[j]! + 0.5) / 2 ** 31 - 1) * bound
    }
  }
}

/** Renews the packed form after the values have changed. */
export function packLora({ slots, paddedRank, values, packed }: LoraWeights, { kernels }: Arena): void {
  for (const { a, b, columns, rows } of slots) {
    for (let row = 0; row < paddedRank; row += 8) {
      const at = (a + row * columns) * 4
      kernels.packFloat(values + at, packed + at, 8, columns, 0)
    }
    for (let row = 0; row < rows; row += 8) {
      const at = (b + row * paddedRank) * 4
      kernels.packFloat(values + at, packed + at, 8, paddedRank, 0)
    }
  }
}
