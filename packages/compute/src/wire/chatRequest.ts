/** The body of `POST /v1/chat/completions`: what is understood, and a clear refusal of what is not. Spec: COMPUTE §4. */
import type { Message, RequestShape } from '@weightless/receipt'
import { z } from 'zod'
import { type FieldRules, type FieldVerdict, readFields, refuseField, wellFormed } from './readFields.ts'
import { chatMessage, messageOf } from './readMessages.ts'
import { type Adjustments, adjustmentFields, readAdjustments } from './readSampling.ts'
import { readShape, shapeFields } from './readShape.ts'

/** A request in one form, whatever spelling the client chose. */
export type ChatRequest = {
  model: string
  messages: Message[]
  stream: boolean
  includeUsage: boolean
  /** Undefined: as many as the provider allows. */
  maxTokens: number | undefined
  temperature: number
  topP: number
  stop: string[]
  seed: bigint | undefined
  logprobs: boolean
  topLogprobs: number
  adjustments: Adjustments
  /** Absent where one free answer is wanted. */
  shape?: RequestShape
}

/** COMPUTE §4.2 */
export const chatLimits = { messages: 1_024, stops: 4, topLogprobs: 20 } as const

const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish()

const schema = z.object({
  model: z.string().min(1).max(256),
  messages: z.array(chatMessage).min(1).max(chatLimits.messages),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.object({ include_usage: optional(z.boolean()), include_obfuscation: optional(z.boolean()) }),
  ),
  max_tokens: optional(z.int().min(1).max(0x7fffffff)),
  max_completion_tokens: optional(z.int().min(1).max(0x7fffffff)),
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  stop: optional(z.union([wellFormed.min(1), z.array(wellFormed.min(1)).max(chatLimits.stops)])),
  seed: optional(z.int()),
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(chatLimits.topLogprobs)),
  ...shapeFields,
  ...adjustmentFields,
})

const rules: FieldRules = {
  // Fields that change the answer and are not built.
  neutral: {
    functions: (value) => Array.isArray(value) && value.length === 0,
    function_call: (value) => value === 'none' || value === 'auto',
    modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
    audio: () => false,
    prediction: () => false,
    reasoning_effort: () => false,
    web_search_options: () => false,
    store: () => true,
  },
  contentField: 'messages',
}

/** COMPUTE §4.1 */
export function readChatRequest(body: unknown): FieldVerdict<ChatRequest> {
  const read = readFields(body, schema, rules)
  if (!read.ok) return read
  const { value: data } = read
  if ((data.top_logprobs ?? 0) > 0 && !data.logprobs) {
    return refuseField('invalid_value', "'top_logprobs' needs 'logprobs' to be true.", 'top_logprobs')
  }
  const shape = readShape(data, body)
  if (!shape.ok) return shape
  return {
    ok: true,
    value: {
      model: data.model,
      messages: data.messages.map(messageOf),
      stream: data.stream ?? false,
      includeUsage: data.stream_options?.include_usage ?? false,
      maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
      temperature: data.temperature ?? 1,
      topP: data.top_p ?? 1,
      stop: typeof data.stop === 'string' ? [data.stop] : (data.stop ?? []),
      seed: data.seed === null || data.seed === undefined ? undefined : BigInt(data.seed),
      logprobs: data.logprobs ?? false,
      topLogprobs: data.top_logprobs ?? 0,
      adjustments: readAdjustments(data),
      ...shape.value,
    },
  }
}
