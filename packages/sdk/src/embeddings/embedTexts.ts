/** Texts to vectors, by a provider of embeddings behind the gateway; the same texts give the same bits. */
import { WeightlessError } from '@weightless/codec'
import { callGateway } from '../chat/callGateway.ts'
import type { ClientContext } from '../clientContext.ts'

export type EmbedOptions = {
  model: string
  /** The first values of each vector, again of length one; all of them without it. */
  dimensions?: number
  signal?: AbortSignal
}

export type Embedded = {
  /** One per text, in order, each of length one. */
  vectors: Float32Array[]
  promptTokens: number
  receiptId: string | undefined
}

const answerBytesMax = 64 * 1024 * 1024

/** @param texts - up to 2,048, none empty @throws {GatewayRefusedError} @throws {EmbeddingsMalformedError} */
export async function embedTexts(
  context: ClientContext,
  texts: readonly string[],
  { model, dimensions, signal }: EmbedOptions,
): Promise<Embedded> {
  const response = await callGateway(context, '/v1/embeddings', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, input: texts, ...(dimensions !== undefined && { dimensions }) }),
    ...(signal && { signal }),
  })
  const document = (await response.json(answerBytesMax)) as {
    data?: unknown
    usage?: { prompt_tokens?: unknown }
  } | null
  const { data, usage } = document ?? {}
  const vectors = texts.map((_, index) => readVector((data as unknown[] | undefined)?.[index]))
  if (vectors.some((vector) => vector.length !== vectors[0]!.length)) throw new EmbeddingsMalformedError()
  const promptTokens = Number(usage?.prompt_tokens)
  if (!Number.isSafeInteger(promptTokens) || promptTokens < 0) throw new EmbeddingsMalformedError()
  return { vectors, promptTokens, receiptId: response.headers['x-weightless-receipt'] }
}

function readVector(entry: unknown): Float32Array {
  const embedding = (entry as { embedding?: unknown } | null | undefined)?.embedding
  const isVector = Array.isArray(embedding) && embedding.length > 0 && embedding.every(Number.isFinite)
  if (!isVector) throw new EmbeddingsMalformedError()
  return Float32Array.from(embedding as number[])
}

export class EmbeddingsMalformedError extends WeightlessError {
  constructor() {
    super(
      'sdk/embeddings-malformed',
      'The answer has not one vector of numbers for each text.',
      {},
      { hint: 'Ask another provider, or tell the operator of this one.' },
    )
  }
}
