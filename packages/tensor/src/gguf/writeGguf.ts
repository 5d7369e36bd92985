/** Writes GGUF version 3: metadata, then tensors whose bytes are already encoded. */
import { concatBytes, textToBytes } from '@weightless/codec'
import { encodingOf, type TensorType } from './tensorTypes.ts'

/** Integers are written as u32 (lists as i32), other numbers and what is marked so as f32, lists of texts as texts. */
export type WritableValue = string | number | boolean | { f32: number } | readonly string[] | readonly number[]

export type WritableTensor = { name: string; type: TensorType; shape: readonly number[]; bytes: Uint8Array }

const alignment = 32

export function writeGguf(metadata: Record<string, WritableValue>, tensors: readonly WritableTensor[]): Uint8Array {
  const entries = Object.entries(metadata)
  const parts: Uint8Array[] = [u32(0x46554747), u32(3), u64(tensors.length), u64(entries.length)]
  for (const [key, value] of entries) parts.push(text(key), ...encodeValue(value))
  let offset = 0
  for (const tensor of tensors) {
    parts.push(
      text(tensor.name),
      u32(tensor.shape.length),
      ...tensor.shape.map(u64),
      u32(typeNumber(tensor.type)),
      u64(offset),
    )
    offset += padded(tensor.bytes.length)
  }
  const headBytes = parts.reduce((sum, part) => sum + part.length, 0)
  parts.push(new Uint8Array(padded(headBytes) - headBytes))
  for (const { bytes } of tensors) parts.push(bytes, new Uint8Array(padded(bytes.length) - bytes.length))
  return concatBytes(parts)
}

function encodeValue(value: WritableValue): Uint8Array[] {
  if (typeof value === 'string') return [u32(8), text(value)]
  if (typeof value === 'boolean') return [u32(7), Uint8Array.of(value ? 1 : 0)]
  if (typeof value === 'number') return Number.isInteger(value) ? [u32(4), u32(value)] : [u32(6), f32(value)]
  if ('f32' in value) return [u32(6), f32(value.f32)]
  const list = [u32(9), u32(typeof value[0] === 'string' ? 8 : 5), u64(value.length)]
  return [...list, ...value.map((item) => (typeof item === 'string' ? text(item) : u32(item)))]
}

function typeNumber(type: TensorType): number {
  return encodingOf(type).number
}

function padded(length: number): number {
  return Math.ceil(length / alignment) * alignment
}

function text(value: string): Uint8Array {
  const bytes = textToBytes(value)
  return concatBytes([u64(bytes.length), bytes])
}

function u32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

function f32(value: number): Uint8Array {
  return new Uint8Array(Float32Array.of(value).buffer)
}

function u64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer)
}
