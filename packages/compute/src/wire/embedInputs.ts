/** From a request for embeddings to the bytes of its answer; nothing but the model and the request decides them. COMPUTE §13 */
import type { Encoder } from '@weightless/tensor'
import { shorten } from '@weightless/tensor/encoder/poolRows'
import type { ApiError } from './apiError.ts'
import { type EmbeddingsRequest, embeddingsLimits } from './embeddingsRequest.ts'
import { encodeEmbeddings } from './encodeEmbeddings.ts'

export type EmbeddingsVerdict =
  | { ok: true; body: Uint8Array<ArrayBuffer>; promptTokens: number }
  | { ok: false; error: ApiError }

/** Texts that are tokenised at once. */
const textsBetweenPauses = 16

/**
 * @param pause - awaited between passes: lets others go on, and throws when nobody wants the answer
 * @throws {NumberNotFiniteError} what `pause` throws
 */
export async function embedInputs(
  encoder: Encoder,
  model: string,
  request: EmbeddingsRequest,
  pause: () => Promise<void>,
): Promise<EmbeddingsVerdict> {
  const { inputs, encoding, dimensions = encoder.dimensions } = request
  if (dimensions > encoder.dimensions) {
    return refuse('invalid_value', `'dimensions' is at most ${encoder.dimensions}.`, 'dimensions')
  }
  const read = await readTokens(encoder, inputs, pause)
  if (!read.ok) return read
  const { texts, promptTokens } = read
  const vectors: Float32Array[] = []
  while (vectors.length < texts.length) {
    await pause()
    const from = vectors.length
    const made = encoder.embed(texts.slice(from, from + encoder.passLength(texts, from)))
    for (const vector of made) vectors.push(shorten(vector, dimensions))
  }
  return { ok: true, body: encodeEmbeddings(vectors, { model, encoding, promptTokens }), promptTokens }
}

async function readTokens(encoder: Encoder, inputs: EmbeddingsRequest['inputs'], pause: () => Promise<void>) {
  const texts: number[][] = []
  let promptTokens = 0
  for (const [index, input] of inputs.entries()) {
    if (index % textsBetweenPauses === 0) await pause()
    if (typeof input !== 'string' && input.some((token) => token >= encoder.vocabSize)) {
      return refuse('invalid_value', `Input ${index} has a token that the model does not know.`, 'input')
    }
    const tokens = typeof input === 'string' ? encoder.tokensOf(input) : encoder.frame(input)
    const { contextLength } = encoder
    if (tokens.length > contextLength) {
      const message = `This model's maximum context length is ${contextLength} tokens; input ${index} has more. Split it.`
      return refuse('context_length_exceeded', message, 'input')
    }
    texts.push(tokens)
    promptTokens += tokens.length
    if (promptTokens > embeddingsLimits.tokens) {
      return refuse('invalid_value', `A request may have ${embeddingsLimits.tokens} tokens in all inputs.`, 'input')
    }
  }
  return { ok: true, texts, promptTokens } as const
}

function refuse(code: 'invalid_value' | 'context_length_exceeded', message: string, param: string) {
  return { ok: false, error: { code, message, param } } as const
}
