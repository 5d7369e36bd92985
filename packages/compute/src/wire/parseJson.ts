/** JSON of a body that anybody may have sent: what is none is `undefined`, which every schema refuses. */
import { bytesToText } from '@weightless/codec'

export function parseJson(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(bytesToText(bytes))
  } catch {
    // Not JSON at all: whoever asked says so in its own words.
    return undefined
  }
}

/** Undefined for what is no object, lists included. */
export function parseJsonObject(bytes: Uint8Array): Record<string, unknown> | undefined {
  const value = parseJson(bytes)
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined
}
