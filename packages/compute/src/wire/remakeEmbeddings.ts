/** The bytes of an answer to a request for embeddings once more, from the request's bytes and the model alone. COMPUTE §13.2 */
import { bytesToText } from '@weightless/codec'
import type { Encoder } from '@weightless/tensor'
import { readEmbeddingsRequest } from './embeddingsRequest.ts'
import { embedInputs } from './embedInputs.ts'

/** Undefined for a request that no provider would have answered. @throws {NumberNotFiniteError} */
export async function remakeEmbeddings(
  encoder: Encoder,
  request: Uint8Array,
  pause: () => Promise<void> = async () => undefined,
): Promise<{ body: Uint8Array; promptTokens: number } | undefined> {
  const json = parse(request)
  const asked = json && readEmbeddingsRequest(json)
  if (!asked?.ok) return undefined
  const verdict = await embedInputs(encoder, asked.value.model, asked.value, pause)
  return verdict.ok ? verdict : undefined
}

function parse(bytes: Uint8Array): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(bytesToText(bytes))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    // Not JSON: nobody answered it.
    return undefined
  }
}
