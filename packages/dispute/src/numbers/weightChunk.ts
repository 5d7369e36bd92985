/** A run of a tensor's elements, widened to f32 as training reads them. Spec: spec/tensor.md §2.2, spec/training.md §3.1. */
import type { ByteSource, GgufTensor } from '@weightless/tensor'
import { widenBlock } from '@weightless/tensor/gguf/readBlock'
import { encodingOf, hasIntegerProducts } from '@weightless/tensor/gguf/tensorTypes'
import { chunkWords } from '../training/stepTable.ts'
import { type ReadFile, readFloats, readWeights } from './weightBlock.ts'

/** Chunk `chunk` of 1,024 elements, row after row, the last perhaps shorter; empty behind the end. */
export async function readWeightChunk(tensor: GgufTensor, chunk: number, file: ByteSource): Promise<Float32Array> {
  const from = chunk * chunkWords
  const count = Math.max(0, Math.min(chunkWords, elementsOf(tensor) - from))
  const { blockBytes, blockValues } = encodingOf(tensor.type)
  const at = tensor.offset + (from / blockValues) * blockBytes
  const bytes = await file.read(at, (count / blockValues) * blockBytes)
  return widen(tensor, from, count, (start, length) => bytes.subarray(start - at, start - at + length))
}

/** A whole tensor. @param bytes - those of the tensor */
export function widenTensor(tensor: GgufTensor, bytes: Uint8Array): Float32Array {
  return widen(tensor, 0, elementsOf(tensor), (start, length) =>
    bytes.subarray(start - tensor.offset, start - tensor.offset + length),
  )
}

function elementsOf({ shape }: GgufTensor): number {
  return shape.reduce((product, size) => product * size, 1)
}

/** Rows are whole blocks, so that blocks of the whole tensor follow one another. */
function widen(tensor: GgufTensor, from: number, count: number, file: ReadFile): Float32Array {
  if (!hasIntegerProducts(tensor.type)) return readFloats(tensor, 0, from, count, file)
  const values = new Float32Array(count)
  for (let i = 0; i < count; i += 32) values.set(widenBlock(readWeights(tensor, 0, (from + i) / 32, file)), i)
  return values
}
