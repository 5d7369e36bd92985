/** The answer to a request for embeddings: the same vectors give the same bytes, so that it can be made again. Spec: COMPUTE §13.2 */
import { encodeBase64, textToBytes } from '@weightless/codec'
import { vectorBytes } from '@weightless/tensor/encoder/vectorBytes'

export function encodeEmbeddings(
  vectors: readonly Float32Array[],
  { model, encoding, promptTokens }: { model: string; encoding: 'float' | 'base64'; promptTokens: number },
): Uint8Array<ArrayBuffer> {
  const data = vectors.map((vector, index) => ({
    object: 'embedding',
    index,
    embedding: encoding === 'base64' ? encodeBase64(vectorBytes(vector)) : Array.from(vector),
  }))
  const usage = { prompt_tokens: promptTokens, total_tokens: promptTokens }
  // A copy of its own, which a worker may give away.
  return new Uint8Array(textToBytes(JSON.stringify({ object: 'list', data, model, usage })))
}
