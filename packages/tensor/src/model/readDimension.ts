/** Numbers of the architecture in a file's metadata, within bounds. */
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'

/** An integer from 1 to `max`. @throws {GgufInvalidError} */
export function countOf(
  metadata: ReadonlyMap<string, GgufValue>,
  name: string,
  max: number,
  fallback?: number,
): number {
  const value = metadata.get(name) ?? fallback
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > max) {
    throw new GgufInvalidError('a dimension is missing or impossible', { name, value: String(value) })
  }
  return value
}

/** A finite number above 0. @throws {GgufInvalidError} */
export function positiveOf(metadata: ReadonlyMap<string, GgufValue>, name: string, fallback?: number): number {
  const value = metadata.get(name) ?? fallback
  if (typeof value !== 'number' || !Number.isFinite(value) || value <= 0) {
    throw new GgufInvalidError('a number of the architecture is missing or impossible', { name, value: String(value) })
  }
  return value
}
