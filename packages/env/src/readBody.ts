/** Gathers a body that arrives in pieces, up to a bound: of a request, or of an answer. */
import { concatBytes, freeBytes } from '@weightless/codec'
import { BodyTooLargeError } from './faults.ts'

/**
 * All bytes of a body.
 * @throws {BodyTooLargeError} as soon as more than `bytesMax` have come
 */
export async function readBody(body: AsyncIterable<Uint8Array>, bytesMax = bodyBytesMaxDefault): Promise<Uint8Array> {
  const parts: Uint8Array[] = []
  let length = 0
  for await (const part of body) {
    length += part.length
    if (length > bytesMax) throw new BodyTooLargeError({ bytesMax })
    parts.push(part)
  }
  if (parts.length === 1) return parts[0]!
  const whole = concatBytes(parts)
  for (const part of parts) freeBytes(part)
  return whole
}

const bodyBytesMaxDefault = 256 * 1024 * 1024
