/** Where the weights of a model lie in the arena. */
import type { MatrixKind } from '../kernels/loadKernels.ts'

export type Matrix = {
  kind: MatrixKind
  address: number
  rows: number
  columns: number
  /** Groups of eight rows; the last is padded with zero rows. */
  groups: number
  /** Bytes of one group. */
  groupBytes: number
  /** What a LoRA adapter adds to products with this matrix. */
  adapter?: MatrixAdapter
}

/** Addresses of vectors that Llama has not; 0 where the family has none of the kind. */
export type FamilyVectors = {
  /** Of queries, keys and values side by side. */
  biases: number
  /** Of the norms of heads, and of what attention and gate give. */
  queryNorm: number
  keyNorm: number
  mixNorm: number
  downNorm: number
}

export type LayerWeights = {
  vectors?: FamilyVectors
  attentionNorm: number
  query: Matrix
  key: Matrix
  value: Matrix
  attentionOutput: Matrix
  ffnNorm: number
  gate: Matrix
  up: Matrix
  down: Matrix
}

/** Vectors are addresses of f32 values. */
export type Weights = {
  embedding: Matrix
  layers: readonly LayerWeights[]
  outputNorm: number
  /** The embedding itself when tied. */
  output: Matrix
  ropeFactors: Float32Array | undefined
}

export type MatrixAdapter = {
  a: Matrix
  b: Matrix
  scale: number
  /** Room for `positionsTogether` rows of A·x and of B·(A·x). */
  low: number
  high: number
}
