/** The tensor encodings of GGUF that the engine reads, with their block geometry (spec/tensor.md §2.2). */

export type TensorType = 'F32' | 'F16' | 'Q4_0' | 'Q4_1' | 'Q8_0'

export type TensorEncoding = { type: TensorType; blockValues: number; blockBytes: number }

/** By GGUF's type number. */
export const tensorEncodings: ReadonlyMap<number, TensorEncoding> = new Map([
  [0, { type: 'F32', blockValues: 1, blockBytes: 4 }],
  [1, { type: 'F16', blockValues: 1, blockBytes: 2 }],
  [2, { type: 'Q4_0', blockValues: 32, blockBytes: 18 }],
  [3, { type: 'Q4_1', blockValues: 32, blockBytes: 20 }],
  [8, { type: 'Q8_0', blockValues: 32, blockBytes: 34 }],
])
