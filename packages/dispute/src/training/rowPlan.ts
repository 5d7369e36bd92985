/** What a row of tokens is planned from. */
import type { Graph } from '@weightless/tensor/model/describeGraph'

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
  /** Name of a table of this row. */
  name: (what: string, layer?: number) => string
  /** Name of a tensor's gradient; `now` and `before` name its sum with this row and without it. */
  gradient: (tensor: string) => string
  now: (gradient: string) => string
  before: (gradient: string) => string | undefined
}
