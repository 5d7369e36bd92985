/** The bytes of an answer to a request for embeddings once more, from the request's bytes and the model alone. COMPUTE §13.2 */
import type { Encoder } from '@weightless/tensor'
import { readEmbeddingsRequest } from './embeddingsRequest.ts'
import { embedInputs } from './embedInputs.ts'
import { parseJsonObject } from './parseJson.ts'

/** Undefined for a request that no provider would have answered. @throws {NumberNotFiniteError} */
export async function remakeEmbeddings(
  encoder: Encoder,
  request: Uint8Array,
  pause: () => Promise<void> = async () => undefined,
): Promise<{ body: Uint8Array; promptTokens: number } | undefined> {
  const json = parseJsonObject(request)
  const asked = json && readEmbeddingsRequest(json)
  if (!asked?.ok) return undefined
  const verdict = await embedInputs(encoder, asked.value.model, asked.value, pause)
  return verdict.ok ? verdict : undefined
}
