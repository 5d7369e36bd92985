/** Elements of a tensor read from the file's own bytes. Spec: spec/tensor.md §2.2, §2.3. */
import type { GgufTensor } from '@weightless/tensor'
import { readBlock, type WeightBlock, widenBlock } from '@weightless/tensor/gguf/readBlock'
import { encodingOf, hasIntegerProducts } from '@weightless/tensor/gguf/tensorTypes'
import { widenHalf } from '@weightless/tensor/gguf/widenHalf'

/** Gives `count` bytes of the model's file from `from` on. */
export type ReadFile = (from: number, count: number) => Uint8Array

/** Columns 32·block to 32·block + 31 of a row of a quantised matrix. */
export function readWeights(tensor: GgufTensor, row: number, block: number, file: ReadFile): WeightBlock {
  const { type, offset, shape } = tensor
  if (!hasIntegerProducts(type)) throw new Error(`no blocks of ${type}`)
  const { blockBytes, blockValues } = encodingOf(type)
  const at = (row * (shape[0] ?? 0)) / 32 + block
  const parts = blockValues / 32
  return readBlock(type, file(offset + Math.floor(at / parts) * blockBytes, blockBytes), at % parts)
}

/** `count` elements of a row from `from` on, of a tensor of floats; a vector has one row. */
export function readFloats(tensor: GgufTensor, row: number, from: number, count: number, file: ReadFile): Float32Array {
  const { type, offset, shape } = tensor
  const { blockBytes } = encodingOf(type)
  const bytes = file(offset + (row * (shape[0] ?? 0) + from) * blockBytes, count * blockBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  if (type === 'F32') return Float32Array.from({ length: count }, (_, i) => view.getFloat32(i * 4, true))
  if (type === 'F16') return Float32Array.from({ length: count }, (_, i) => widenHalf(view.getUint16(i * 2, true)))
  // BF16 is the upper half of a binary32.
  return new Float32Array(Uint32Array.from({ length: count }, (_, i) => view.getUint16(i * 2, true) << 16).buffer)
}

/** One element of any matrix, dequantised as the embedding is (spec/tensor.md §5). */
export function readElement(tensor: GgufTensor, row: number, column: number, file: ReadFile): number {
  if (!hasIntegerProducts(tensor.type)) return readFloats(tensor, row, column, 1, file)[0]!
  return widenBlock(readWeights(tensor, row, column >> 5, file))[column & 31]!
}

/** Bytes of the file that hold elements of a tensor, as whole blocks. */
export function blockSpan(tensor: GgufTensor, first: number, count: number): { from: number; count: number } {
  const { blockBytes, blockValues } = encodingOf(tensor.type)
  const [start, end] = [Math.floor(first / blockValues), Math.ceil((first + count) / blockValues)]
  return { from: tensor.offset + start * blockBytes, count: (end - start) * blockBytes }
}
