/** The tensor encodings of GGUF that the engine reads, with their block geometry (spec/tensor.md §2.2, §2.3). */

/** Integers with scales: products with such a matrix go over exact dots of 32 or 16 integers. */
export type BlockType =
  | 'Q4_0'
  | 'Q4_1'
  | 'Q5_0'
  | 'Q5_1'
  | 'Q8_0'
  | 'Q2_K'
  | 'Q3_K'
  | 'Q4_K'
  | 'Q5_K'
  | 'Q6_K'
  | 'IQ4_NL'
  | 'IQ4_XS'
export type FloatType = 'F32' | 'F16' | 'BF16'
export type TensorType = FloatType | BlockType

export type TensorEncoding = { type: TensorType; blockValues: number; blockBytes: number }

/** By GGUF's type number. */
export const tensorEncodings: ReadonlyMap<number, TensorEncoding> = new Map([
  [0, { type: 'F32', blockValues: 1, blockBytes: 4 }],
  [1, { type: 'F16', blockValues: 1, blockBytes: 2 }],
  [2, { type: 'Q4_0', blockValues: 32, blockBytes: 18 }],
  [3, { type: 'Q4_1', blockValues: 32, blockBytes: 20 }],
  [6, { type: 'Q5_0', blockValues: 32, blockBytes: 22 }],
  [7, { type: 'Q5_1', blockValues: 32, blockBytes: 24 }],
  [8, { type: 'Q8_0', blockValues: 32, blockBytes: 34 }],
  [10, { type: 'Q2_K', blockValues: 256, blockBytes: 84 }],
  [11, { type: 'Q3_K', blockValues: 256, blockBytes: 110 }],
  [12, { type: 'Q4_K', blockValues: 256, blockBytes: 144 }],
  [13, { type: 'Q5_K', blockValues: 256, blockBytes: 176 }],
  [14, { type: 'Q6_K', blockValues: 256, blockBytes: 210 }],
  [20, { type: 'IQ4_NL', blockValues: 32, blockBytes: 18 }],
  [23, { type: 'IQ4_XS', blockValues: 256, blockBytes: 136 }],
  [30, { type: 'BF16', blockValues: 1, blockBytes: 2 }],
])

/** Types of semantics version 1, which contracts judge (spec/tensor.md §9, spec/dispute.md §12.2). */
const firstTypes: ReadonlySet<TensorType> = new Set(['F32', 'F16', 'Q8_0', 'Q4_0', 'Q4_1'])

export function isFirstType(type: TensorType): boolean {
  return firstTypes.has(type)
}

/** Whether products with such a matrix go over integers; else they are products of floats. */
export function hasIntegerProducts(type: TensorType): type is BlockType {
  return type !== 'F32' && type !== 'F16' && type !== 'BF16'
}

export function encodingOf(type: TensorType): TensorEncoding & { number: number } {
  for (const [number, encoding] of tensorEncodings) if (encoding.type === type) return { number, ...encoding }
  throw new Error(`no encoding ${type}`)
}
