/** Elements of a matrix of an adapter, read from its file's own bytes. Spec: spec/tensor.md §3.8, spec/dispute.md §3.4. */
import type { AdapterMatrix } from '@weightless/tensor/adapter/locateAdapter'
import { tensorFloats } from '@weightless/tensor/safetensors/readSafetensors'
import type { ReadFile } from './weightBlock.ts'

/** @param row - as the model has it; @param from - first of `count` columns */
export function readAdapterRow(
  { type, rows, columns, offset, sizeBytes, turnedHead }: AdapterMatrix,
  row: number,
  from: number,
  count: number,
  file: ReadFile,
): Float32Array {
  const width = sizeBytes / (rows * columns)
  const bytes = file(offset + (publishedRow(row, turnedHead) * columns + from) * width, count * width)
  return tensorFloats({ name: 'adapter', type, shape: [count], bytes })
}

/** Neighbours of the model's are a half of the head apart in the file. */
function publishedRow(row: number, headSize: number | undefined): number {
  if (headSize === undefined) return row
  const inHead = row % headSize
  return row - inHead + (inHead >> 1) + (inHead & 1) * (headSize / 2)
}
