/**
 * The adapter in training: A [rank][columns] and B [rows][rank] of every target, their gradients and moments, each one flat list
 * of f32. The rank is padded to a multiple of eight and the list to whole pieces, with zeroes that stay zero. Spec: spec/training.md §4.
 */
import { type AdapterTarget, fieldOf, targetShape } from '../adapter/adapterTargets.ts'
import type { Arena } from '../kernels/loadKernels.ts'
import type { Graph } from '../model/describeGraph.ts'
import type { Matrix, Weights } from '../model/weights.ts'
import { streamWords } from '../sampler/philox.ts'
import { pieceValues } from './commitState.ts'
import type { LoraOptions } from './loraOptions.ts'

/** Where the parts of one target lie in the flat lists, in values. */
export type LoraPlace = {
  layer: number
  target: AdapterTarget
  columns: number
  rows: number
  a: number
  b: number
}

export type LoraSlot = LoraPlace & { base: Matrix }

export type LoraLayout = {
  places: readonly LoraPlace[]
  /** Rank padded to a multiple of eight. */
  paddedRank: number
  /** Values in each list: a multiple of `pieceValues`. */
  length: number
}

export type LoraWeights = {
  slots: readonly LoraSlot[]
  /** Rank padded to a multiple of eight. */
  paddedRank: number
  /** Values in each list: a multiple of `pieceValues`. */
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

/** Where everything lies, by layer and in each by target. */
export function placeLora(graph: Graph, { rank, targets }: Pick<LoraOptions, 'rank' | 'targets'>): LoraLayout {
  const paddedRank = Math.ceil(rank / 8) * 8
  const places: LoraPlace[] = []
  let length = 0
  for (let layer = 0; layer < graph.layerCount; layer++) {
    for (const target of targets) {
      const { columns, rows } = targetShape(graph, target)
      places.push({ layer, target, columns, rows, a: length, b: length + paddedRank * columns })
      length += paddedRank * (columns + rows)
    }
  }
  return { places, paddedRank, length: Math.ceil(length / pieceValues) * pieceValues }
}

export function createLoraWeights(graph: Graph, weights: Weights, arena: Arena, options: LoraOptions): LoraWeights {
  const { places, paddedRank, length } = placeLora(graph, options)
  const slots = places.map((place) => ({ ...place, base: weights.layers[place.layer]![fieldOf(place.target)] }))
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
  arena.floats(lora.values, length).set(drawInitial({ places, paddedRank, length }, options))
  packLora(lora, arena)
  return lora
}

/** The values before the first step: A uniform in ±1 ÷ √columns, B zero, so that the adapter begins without effect. */
export function drawInitial(
  { places, length }: LoraLayout,
  { rank, seed32 }: Pick<LoraOptions, 'rank' | 'seed32'>,
): Float32Array {
  const values = new Float32Array(length)
  for (const [stream, { columns, a }] of places.entries()) {
    const bound = 1 / Math.sqrt(columns)
    const count = rank * columns
    for (let i = 0; i < count; i += 4) {
      const words = streamWords(seed32, initDomain, stream, i / 4)
      for (let j = 0; j < 4 && i + j < count; j++) values[a + i + j] = ((words[j]! + 0.5) / 2 ** 31 - 1) * bound
    }
  }
  return values
}

/** Renews the packed form after the values have changed. */
export function packLora({ slots, paddedRank, values, packed }: LoraWeights, { kernels }: Arena): void {
  for (const { a, b, columns, rows } of slots) {
    for (let row = 0; row < paddedRank; row += 8) {
      const at = (a + row * columns) * 4
      kernels.packFloat(0, values + at, packed + at, 8, columns)
    }
    for (let row = 0; row < rows; row += 8) {
      const at = (b + row * paddedRank) * 4
      kernels.packFloat(0, values + at, packed + at, 8, paddedRank)
    }
  }
}
