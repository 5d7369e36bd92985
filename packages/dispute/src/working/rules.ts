/**
 * Tables of an operator's working and the rule that gives each of their words from words of earlier tables.
 * Spec: spec/dispute.md §2, §3, §5. Tables are named by their index in the working.
 */
import type { GgufTensor } from '@weightless/tensor'
import type { AdapterMatrix } from '@weightless/tensor/adapter/locateAdapter'

export const chunkWords = 256
/** The most words that a node of a reduction reads. */
export const runWords = 256

/** Sums and maxima over runs of at most 256 words of each group of `groupWords`; `square` sums x·x. */
export type FoldRule = { kind: 'fold'; how: 'sum' | 'max' | 'square'; of: number; groupWords: number }

export type Rule =
  /** Rows are outputs of `operator` at positions `first` … ; nothing is computed, the chain binds them. */
  | { kind: 'source'; operator: number; first: number; rowWords: number }
  /** States of SHA-256 over each row of table `of`. */
  | { kind: 'chain'; of: number; rowWords: number }
  | FoldRule
  | { kind: 'foldDot'; weights: number; values: number; groupWords: number; headSize: number; headsPerKey: number }
  | { kind: 'foldWeights'; x: number; matrix: GgufTensor; columns: number }
  | { kind: 'foldAdapter'; x: number; part: AdapterMatrix }
  | { kind: 'adapted'; of: number; high: number; scale: number }
  | { kind: 'inverseRms'; sum: number; count: number; epsilon: number }
  | { kind: 'norm'; x: number; inverse: number; weight: GgufTensor }
  /** Adds vectors that lie side by side. */
  | { kind: 'bias'; x: number; parts: readonly GgufTensor[] }
  /** Of the first heads the norm with `query`, of those after them with `key`, each with its own inverse; the rest stays. */
  | {
      kind: 'headNorm'
      x: number
      inverse: number
      headSize: number
      heads: number
      keyHeads: number
      query: GgufTensor
      key: GgufTensor
    }
  /** cap · tanh(x ÷ cap). */
  | { kind: 'cap'; x: number; cap: number }
  | { kind: 'quantise'; x: number }
  | { kind: 'scale'; x: number }
  | { kind: 'sum'; q: number }
  | { kind: 'term'; q: number; scale: number; sum: number; matrix: GgufTensor; columns: number }
  | { kind: 'join'; parts: readonly { table: number; words: number }[] }
  | { kind: 'embed'; token: number; matrix: GgufTensor; factor: number }
  | { kind: 'guess'; base: number; degree: number }
  | { kind: 'power'; guess: number }
  | { kind: 'angle'; power: number; factors: GgufTensor | undefined; divisor: number }
  | { kind: 'turn'; angle: number; pairs: number; position: number }
  | { kind: 'rotate'; raw: number; turn: number; turned: number; headSize: number; rotated: number; halves: boolean }
  | { kind: 'score'; rows: number; rowWords: number; positions: number; shape: HeadShape; factor: number }
  | { kind: 'exp'; score: number; top: number; positions: number }
  | { kind: 'gather'; rows: number; rowWords: number; positions: number; shape: HeadShape }
  | { kind: 'mix'; sum: number; total: number; headSize: number }
  | { kind: 'add'; x: number; y: number }
  | { kind: 'gate'; both: number; width: number; curve: 'silu' | 'gelu' }
  /** How often the answer has each token: in runs of 256 of what it has, then sums of those numbers. */
  | { kind: 'times'; of: number; groupWords: number; isFirst: boolean }
  | { kind: 'adjusted'; logits: number; times: number | undefined; adjust: Adjust }
  /** Token of the first largest logit of a run; after the first stage over the runs' largest (`top`) and their tokens. */
  | { kind: 'best'; top: number; best: number | undefined; count: number }
  | { kind: 'draw'; seed32: Uint8Array; index: number }
  | { kind: 'weight'; logits: number; top: number; temperature: number }
  /**
   * f64 sums over runs of 256; `of` has u32 weights in the first stage, then f64 sums. With `least` only weights that
   * are at least `cut` (0 without one) + `bit`.
   */
  | { kind: 'weightSum'; of: number; count: number; isFirst: boolean; least: Least | undefined }
  /** `cut`, and `bit` more where the weights that are at least that reach the share: one bit of the least weight kept. */
  | { kind: 'cut'; reached: number; all: number; topP: number; least: Least }
  /** How many weights are not 0, or with `equal` are that; in runs of 256; then sums of those numbers. */
  | { kind: 'kept'; of: number; count: number; isFirst: boolean; equal: number | undefined }
  /** Which of equal weights is the last that is kept, and how many come before. Unit of two words. */
  | {
      kind: 'tie'
      of: number
      count: number
      isFirst: boolean
      above: number | undefined
      cut: number
      over: number
      all: number
      topP: number
    }
  /** The weight where the token is kept, else 0. */
  | { kind: 'keep'; of: number; cut: number; tie: number }
  /** Where the draw falls among at most 256 weights or sums: which, and the sum before it. Unit of three words. */
  | {
      kind: 'walk'
      of: number
      count: number
      isFirst: boolean
      above: number | undefined
      total: number
      draw: number
    }
  | { kind: 'record'; token: number; drawn: { total: number; draw: number; kept: number } | undefined }

/** The operator whose rows are the tokens that steps consume, a word each; no chain binds them, but the steps' openings do. */
export const tokenOfStep = -1

export type Least = { cut: number | undefined; bit: number }

/** What the sampler is told for one token. Spec: spec/tensor.md §7. */
export type Draw = {
  temperature: number
  topP: number
  seed32: Uint8Array
  /** Which output token, from 0. */
  index: number
  /** Of a request that changes logits. */
  adjust?: Adjust | undefined
}

/** What a request does to the logits before a token is chosen (TENSOR §7.1); rounded to f32 where it is used. */
export type Adjust = {
  presence: number
  frequency: number
  /** By token. */
  bias: readonly (readonly [token: number, bias: number])[]
}

export type HeadShape = { heads: number; keyHeads: number; headSize: number }

export type Table = {
  name: string
  words: number
  /** Number of its first chunk in the working. */
  chunk: number
  rule: Rule
}

/** The working of operator `operator` at `position`. The last table but one is its output, the last the output's chain. */
export type WorkingPlan = {
  position: number
  operator: number
  tables: readonly Table[]
  chunks: number
}

export function chunksOf(words: number): number {
  return Math.ceil(words / chunkWords)
}

/** States of a row's chain (§4.1). */
export function statesOf(rowWords: number): number {
  return Math.floor(rowWords / chunkWords) + 1
}

/** Which table a chunk is of. */
export function tableOf(plan: WorkingPlan, chunk: number): number {
  let table = plan.tables.length - 1
  while (plan.tables[table]!.chunk > chunk) table--
  return table
}
