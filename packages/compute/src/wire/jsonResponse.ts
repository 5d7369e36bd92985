/** A JSON answer; wide integers become decimal text. */
import type { HttpResponse } from '@weightless/env'

export function jsonResponse(value: unknown, headers: Record<string, string> = {}): HttpResponse {
  const body = JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? item.toString() : item))
  return { status: 200, headers: { 'content-type': 'application/json', ...headers }, body }
}
