/** A request for embeddings, as OpenAI's clients write it. Spec: COMPUTE §13.1 */
import type { Verdict } from '@weightless/codec'
import { z } from 'zod'
import type { ApiError, ApiErrorCode } from './apiError.ts'

/** A text, or tokens of the model's own vocabulary without those that frame a text. */
export type EmbeddingInput = string | number[]

export type EmbeddingsRequest = {
  model: string
  inputs: EmbeddingInput[]
  encoding: 'float' | 'base64'
  /** Undefined: all that the model has. */
  dimensions: number | undefined
}

export const embeddingsLimits = {
  inputs: 2_048,
  /** Tokens of all inputs together. */
  tokens: 300_000,
}

const text = z.string().min(1)
const tokens = z.array(z.int().min(0)).min(1)

const schema = z.object({
  model: z.string().min(1).max(256),
  input: z.union([
    text,
    tokens,
    z.array(text).min(1).max(embeddingsLimits.inputs),
    z.array(tokens).min(1).max(embeddingsLimits.inputs),
  ]),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
})

/** Fields that concern bookkeeping at other services, or the gateway alone; accepted without effect. */
const withoutEffect = new Set(['user', 'provider', 'metadata'])

export function readEmbeddingsRequest(
  body: Readonly<Record<string, unknown>>,
): Verdict<EmbeddingsRequest> & { error?: ApiError } {
  for (const [name, value] of Object.entries(body)) {
    const isKnown = Object.hasOwn(schema.shape, name) || withoutEffect.has(name) || value === null
    if (!isKnown) return refuse('unknown_parameter', `Unknown parameter: '${name.slice(0, 64)}'.`, name.slice(0, 64))
  }
  const parsed = schema.safeParse(body)
  if (!parsed.success) {
    const name = String(parsed.error.issues[0]?.path[0] ?? 'input')
    const hint = name === 'input' ? ': a text, up to 2,048 texts, or tokens, none of them empty' : ''
    return refuse('invalid_value', `Invalid value for '${name}'${hint}.`, name)
  }
  const { model, input, encoding_format: encoding, dimensions } = parsed.data
  const isOne = typeof input === 'string' || typeof input[0] === 'number'
  const inputs = (isOne ? [input] : input) as EmbeddingInput[]
  return { ok: true, value: { model, inputs, encoding: encoding ?? 'float', dimensions: dimensions ?? undefined } }
}

function refuse(code: ApiErrorCode, message: string, param: string) {
  return { ok: false, code, action: 'reject', detail: message, error: { code, message, param } } as const
}
