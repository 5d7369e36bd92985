/** Writes a safetensors file: the same tensors and metadata give the same bytes. Spec: spec/training.md §2. */
import { concatBytes, textToBytes } from '@weightless/codec'

export type WritableSafetensor = { name: string; shape: readonly number[]; values: Float32Array }

/** Tensors are written as F32 in the order given, metadata first in the head, and the head padded with spaces to 8 bytes. */
export function writeSafetensors(
  tensors: readonly WritableSafetensor[],
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array {
  const entries: [string, unknown][] = [['__metadata__', metadata]]
  let offset = 0
  for (const { name, shape, values } of tensors) {
    const end = offset + values.length * 4
    entries.push([name, { dtype: 'F32', shape, data_offsets: [offset, end] }])
    offset = end
  }
  const text = textToBytes(JSON.stringify(Object.fromEntries(entries)))
  const head = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20)
  head.set(text)
  const length = new Uint8Array(BigUint64Array.of(BigInt(head.length)).buffer)
  const data = tensors.map(({ values }) => new Uint8Array(values.buffer, values.byteOffset, values.byteLength))
  return concatBytes([length, head, ...data])
}
