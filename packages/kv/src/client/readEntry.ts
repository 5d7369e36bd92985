/** A value of any length, part after part, all of one version. */
import { type Hex, WeightlessError } from '@weightless/codec'
import { base64ToBytes, bytesToBase64 } from './base64.ts'
import type { CallKeyValue } from './callKeyValue.ts'

export type Entry = { key: Uint8Array; value: Uint8Array; version: number }

/** `version`: the newest value up to it. */
export type CallOptions = { version?: number; signal?: AbortSignal }

const chunkBytes = 256 * 1024
const valueBytesMax = 1024 ** 3

export type Segment = { version: number; data: string; size: number; key?: string }

/** Undefined when the key has no value. @throws {ValueTooLargeError} */
export async function readEntry(
  call: CallKeyValue,
  streamId: Hex,
  key: Uint8Array,
  { version, signal }: CallOptions = {},
): Promise<Entry | undefined> {
  const name = bytesToBase64(key)
  const first = await call<Segment>('kv_getValue', [streamId, name, 0, chunkBytes, version], signal)
  if (first.size === 0) return undefined
  if (first.size > valueBytesMax) throw new ValueTooLargeError({ sizeBytes: first.size, bytesMax: valueBytesMax })
  const value = new Uint8Array(first.size)
  let part = base64ToBytes(first.data)
  for (let at = 0; ; ) {
    value.set(part.subarray(0, value.length - at), at)
    at += part.length
    if (at >= value.length) return { key, value, version: first.version }
    const next = await call<Segment>('kv_getValue', [streamId, name, at, chunkBytes, first.version], signal)
    part = base64ToBytes(next.data)
    if (part.length === 0) throw new ValueTooLargeError({ sizeBytes: at, bytesMax: first.size })
  }
}

/** Longer than it may be, or than the node gives. */
export class ValueTooLargeError extends WeightlessError {
  constructor(facts: { sizeBytes: number; bytesMax: number }) {
    super('kv/value-too-large', 'The value cannot be read in one piece.', facts)
  }
}
