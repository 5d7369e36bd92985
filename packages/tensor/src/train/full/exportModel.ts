/** A trained model as a GGUF file: the first file's metadata, and its tensors encoded anew. Spec: spec/training.md §8.6. */
import type { GgufValue } from '../../gguf/ggufValue.ts'
import type { Gguf } from '../../gguf/readGguf.ts'
import { type WritableValue, writeGguf } from '../../gguf/writeGguf.ts'
import { encodeValues } from './encodeValues.ts'
import type { ExportType } from './exportType.ts'
import type { FullTrainer } from './fullTraining.ts'
import type { SlotPlace } from './wholeWeights.ts'

/** Numbers of the architecture that readers take for f32 even where they are whole. */
const floatKeys = /\.(freq_base|layer_norm_rms_epsilon)$/

export function exportModel({ gguf, whole, parts }: FullTrainer, type: ExportType): Uint8Array {
  const values = parts.arena.floats(whole.values, whole.length)
  return encodeFullModel({ gguf, slots: whole.slots, values }, type)
}

/** @param model - the first file's metadata, and values as one list, each tensor at its slot */
export function encodeFullModel(
  { gguf, slots, values }: { gguf: Pick<Gguf, 'metadata'>; slots: readonly SlotPlace[]; values: Float32Array },
  type: ExportType,
): Uint8Array {
  const metadata = Object.fromEntries(
    [...gguf.metadata].map(([key, value]) => [key, writable(key, value)] satisfies [string, WritableValue]),
  )
  const tensors = slots.map(({ name, at, rows, columns }) => {
    const isVector = name.endsWith('norm.weight')
    const kind = isVector ? 'F32' : type
    const bytes = encodeValues(values.subarray(at, at + rows * columns), kind)
    return { name, type: kind, shape: isVector ? [columns] : [columns, rows], bytes }
  })
  return writeGguf(metadata, tensors)
}

function writable(key: string, value: GgufValue): WritableValue {
  if (typeof value === 'number' && floatKeys.test(key)) return { f32: value }
  if (typeof value === 'bigint') return value.toString()
  return value instanceof Float64Array ? [...value] : value
}
