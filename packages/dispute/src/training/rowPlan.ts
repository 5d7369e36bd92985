/** What a row of tokens is planned from, and how a product of the model with its part of an adapter is read. */
import type { AdapterTarget } from '@weightless/tensor/adapter/adapterTargets'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import type { LoraPlace } from '@weightless/tensor/train/loraWeights'
import { f, product } from './rules.ts'
import type { ReadTable, ReadWhole, ReadWord } from './stepTable.ts'
import { multiply, termsMax } from './wholeProducts.ts'

/** What the tables of one row of tokens are planned from. */
export type RowPlan = {
  graph: Graph
  tokens: readonly number[]
  length: number
  /** Positions whose next token counts. */
  places: readonly number[]
  rope: { cosines: Float32Array; sines: Float32Array }
  /** 1 ÷ counted tokens of the step. */
  factor: number
  /** The tensor that logits are products with. */
  output: string
  /** What learns beside the file's weights; undefined where the weights themselves do. */
  adapter: AdapterPlan | undefined
  /** Where a tensor of the model is read: of the state, or of the file. */
  weight: (tensor: string) => string
  /** Name of a table of this row. */
  name: (what: string, layer?: number) => string
  /** Name of a tensor's gradient; `now` and `before` name its sum with this row and without it. */
  gradient: (tensor: string) => string
  now: (gradient: string) => string
  before: (gradient: string) => string | undefined
}

export type AdapterPlan = {
  paddedRank: number
  /** alpha ÷ rank, as f32. */
  scale: number
  placeOf(layer: number, target: AdapterTarget): LoraPlace | undefined
}

/** The list that holds all of an adapter. */
export const adapterList = 'adapter'

/** Names of the two parts of a target: of their gradients. */
export function partName(layer: number, target: AdapterTarget, part: 'A' | 'B'): string {
  return `layer ${layer} ${target}.${part}`
}

/** A or B of a target, from its first word. */
export function readPart(read: ReadTable, at: number): ReadWord {
  const values = read(`p/${adapterList}`)
  return (i) => values(at + i)
}

/** Table of A·x of a target. */
export function lowName(target: AdapterTarget): string {
  return `${target}.low`
}

/** As `readPart`. */
export function wholePart(read: ReadWhole, at: number, length: number): Float32Array {
  return read(`p/${adapterList}`).subarray(at, at + length)
}

/** W·x, and with an adapter + s × (B·(A·x)), at a position and row of W. */
export function adaptedProduct(
  { adapter, weight, name }: RowPlan,
  layer: number,
  target: AdapterTarget,
  { x, w, columns }: { x: string; w: string; columns: number },
) {
  return (read: ReadTable): ((position: number, row: number) => number) => {
    const base = product(read(x), read(weight(w)), columns)
    const place = adapter?.placeOf(layer, target)
    if (adapter === undefined || place === undefined) return base
    const { paddedRank, scale } = adapter
    const part = product(read(name(lowName(target), layer)), readPart(read, place.b), paddedRank)
    return (position, row) => f(base(position, row) + f(scale * part(position, row)))
  }
}

/** As `adaptedProduct`, at all positions and rows; undefined where sums are too long. */
export function wholeProduct(
  { adapter, weight, name, length: positions }: RowPlan,
  layer: number,
  target: AdapterTarget,
  { x, w, columns, rows }: { x: string; w: string; columns: number; rows: number },
): ((read: ReadWhole) => Float32Array) | undefined {
  if (columns > termsMax) return undefined
  return (read) => {
    const y = multiply(read(x), read(weight(w)), { positions, rows, columns })
    const place = adapter?.placeOf(layer, target)
    if (adapter === undefined || place === undefined) return y
    const { paddedRank, scale } = adapter
    const low = read(name(lowName(target), layer))
    const part = multiply(low, wholePart(read, place.b, rows * paddedRank), { positions, rows, columns: paddedRank })
    for (let i = 0; i < y.length; i++) y[i] = f(y[i]! + f(scale * part[i]!))
    return y
  }
}
