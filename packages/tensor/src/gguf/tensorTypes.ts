/** The tensor encodings of GGUF that the engine reads, with their block geometry (spec/tensor.md §2.2). */

/** Blocks of 256 values with scales within scales: each is a defined f32, and a matrix of them is one of floats. */
export type KQuant = 'Q2_K' | 'Q3_K' | 'Q4_K' | 'Q5_K' | 'Q6_K'
export type TensorType = 'F32' | 'F16' | 'Q4_0' | 'Q4_1' | 'Q8_0' | KQuant

export type TensorEncoding = { type: TensorType; blockValues: number; blockBytes: number }

/** By GGUF's type number. */
export const tensorEncodings: ReadonlyMap<number, TensorEncoding> = new Map([
  [0, { type: 'F32', blockValues: 1, blockBytes: 4 }],
  [1, { type: 'F16', blockValues: 1, blockBytes: 2 }],
  [2, { type: 'Q4_0', blockValues: 32, blockBytes: 18 }],
  [3, { type: 'Q4_1', blockValues: 32, blockBytes: 20 }],
  [8, { type: 'Q8_0', blockValues: 32, blockBytes: 34 }],
  [10, { type: 'Q2_K', blockValues: 256, blockBytes: 84 }],
  [11, { type: 'Q3_K', blockValues: 256, blockBytes: 110 }],
  [12, { type: 'Q4_K', blockValues: 256, blockBytes: 144 }],
  [13, { type: 'Q5_K', blockValues: 256, blockBytes: 176 }],
  [14, { type: 'Q6_K', blockValues: 256, blockBytes: 210 }],
])

export function isKQuant(type: TensorType): type is KQuant {
  return type.endsWith('_K')
}

/** Whether products with such a matrix go over integers of 32 values; else they are products of floats. */
export function hasIntegerProducts(type: TensorType): boolean {
  return type.startsWith('Q') && !isKQuant(type)
}
