/** Elements of a tensor read from the file's own bytes. Spec: spec/tensor.md §2.2. */
import type { GgufTensor } from '@weightless/tensor'
import { kQuantValues, readKQuant } from '@weightless/tensor/gguf/kQuants'
import { hasIntegerProducts, isKQuant, tensorEncodings } from '@weightless/tensor/gguf/tensorTypes'
import { widenHalf } from '@weightless/tensor/gguf/widenHalf'

const f = Math.fround

/** Gives `count` bytes of the model's file from `from` on. */
export type ReadFile = (from: number, count: number) => Uint8Array

export type WeightBlock = { scale: number; minimum: number | undefined; integers: Int8Array }

/** Block `block` (32 elements) of row `row` of a quantised matrix; of Q4_0 the integers are n − 8. */
export function readBlock(tensor: GgufTensor, row: number, block: number, file: ReadFile): WeightBlock {
  const { blockBytes } = encodingOf(tensor)
  const blocks = (tensor.shape[0] ?? 0) / 32
  const bytes = file(tensor.offset + (row * blocks + block) * blockBytes, blockBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const scale = widenHalf(view.getUint16(0, true))
  if (tensor.type === 'Q8_0') return { scale, minimum: undefined, integers: new Int8Array(bytes.slice(2)) }
  const isQ41 = tensor.type === 'Q4_1'
  const nibbles = bytes.subarray(isQ41 ? 4 : 2)
  const integers = Int8Array.from({ length: 32 }, (_, i) => {
    const byte = nibbles[i & 15]!
    return (i < 16 ? byte & 15 : byte >> 4) - (isQ41 ? 0 : 8)
  })
  return { scale, minimum: isQ41 ? widenHalf(view.getUint16(2, true)) : undefined, integers }
}

/** `count` elements of a row from `from` on, of a tensor of floats or k-quants; a vector has one row. */
export function readFloats(tensor: GgufTensor, row: number, from: number, count: number, file: ReadFile): Float32Array {
  if (isKQuant(tensor.type)) return readKQuants(tensor, row, from, count, file)
  const { blockBytes } = encodingOf(tensor)
  const bytes = file(tensor.offset + (row * (tensor.shape[0] ?? 0) + from) * blockBytes, count * blockBytes)
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const read = (i: number) => (blockBytes === 4 ? view.getFloat32(i * 4, true) : widenHalf(view.getUint16(i * 2, true)))
  return Float32Array.from({ length: count }, (_, i) => read(i))
}

function readKQuants(tensor: GgufTensor, row: number, from: number, count: number, file: ReadFile): Float32Array {
  const { type } = tensor
  if (!isKQuant(type)) throw new Error(`no k-quant ${type}`)
  const { blockBytes } = encodingOf(tensor)
  const start = row * (tensor.shape[0] ?? 0) + from
  const values = new Float32Array(count)
  for (let at = start; at < start + count; ) {
    const block = Math.floor(at / kQuantValues)
    const end = Math.min(start + count, (block + 1) * kQuantValues)
    const read = readKQuant(type, file(tensor.offset + block * blockBytes, blockBytes))
    values.set(read.subarray(at - block * kQuantValues, end - block * kQuantValues), at - start)
    at = end
  }
  return values
}

/** One element of any matrix, dequantised as the embedding is (spec/tensor.md §5). */
export function readElement(tensor: GgufTensor, row: number, column: number, file: ReadFile): number {
  if (!hasIntegerProducts(tensor.type)) return readFloats(tensor, row, column, 1, file)[0]!
  const { scale, minimum, integers } = readBlock(tensor, row, column >> 5, file)
  const value = f(scale * integers[column & 31]!)
  return minimum === undefined ? value : f(value + minimum)
}

export function encodingOf(tensor: GgufTensor): { blockBytes: number; blockValues: number } {
  for (const encoding of tensorEncodings.values()) if (encoding.type === tensor.type) return encoding
  throw new Error(`no encoding ${tensor.type}`)
}
