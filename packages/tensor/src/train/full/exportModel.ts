/** A trained model as a GGUF file: the first file's metadata, and its tensors encoded anew. Spec: spec/training.md §8.6. */
import type { GgufValue } from '../../gguf/ggufValue.ts'
import { type WritableValue, writeGguf } from '../../gguf/writeGguf.ts'
import { encodeValues } from './encodeValues.ts'
import type { ExportType } from './exportType.ts'
import type { FullTrainer } from './fullTraining.ts'

/** Numbers of the architecture that readers take for f32 even where they are whole. */
const floatKeys = /\.(freq_base|layer_norm_rms_epsilon)$/

export function exportModel({ gguf, whole, parts }: FullTrainer, type: ExportType): Uint8Array {
  const metadata = Object.fromEntries(
    [...gguf.metadata].map(([key, value]) => [key, writable(key, value)] satisfies [string, WritableValue]),
  )
  const tensors = whole.slots.map(({ name, at, rows, columns, matrix }) => {
    const kind = matrix === undefined ? 'F32' : type
    const bytes = encodeValues(parts.arena.floats(whole.values + at * 4, rows * columns), kind)
    return { name, type: kind, shape: matrix === undefined ? [columns] : [columns, rows], bytes }
  })
  return writeGguf(metadata, tensors)
}

function writable(key: string, value: GgufValue): WritableValue {
  if (typeof value === 'number' && floatKeys.test(key)) return { f32: value }
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Float64Array ? [...value] : value
}
