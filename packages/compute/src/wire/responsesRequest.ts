/** The body of `POST /v1/responses` for an exact engine: a chat in other words. Nothing is stored under an id. COMPUTE §4.4 */
import { accept } from '@weightless/codec'
import { z } from 'zod'
import { type ChatRequest, chatLimits } from './chatRequest.ts'
import { type FieldRules, type FieldVerdict, readFields, refuseField, wellFormed } from './readFields.ts'
import { inputItem, messagesOf } from './readInputItems.ts'
import { readResponsesShape, responsesShapeFields } from './responsesShape.ts'

const schema = z.object({
  model: z.string().min(1).max(256),
  input: z.union([wellFormed, z.array(z.unknown())]),
  instructions: wellFormed.nullish(),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_obfuscation: z.boolean().nullish() }).nullish(),
  max_output_tokens: z.int().min(1).max(0x7fffffff).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  // Not in OpenAI's own: the same request with the same seed has the same answer.
  seed: z.int().nullish(),
  ...responsesShapeFields,
})

const items = z.object({ input: z.array(inputItem).min(1).max(chatLimits.messages) })

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const rules: FieldRules = {
  neutral: {
    store: (value) => value === false,
    background: (value) => value === false,
    previous_response_id: () => false,
    conversation: () => false,
    prompt: () => false,
    context_management: isEmpty,
    include: isEmpty,
    max_tool_calls: () => true,
    reasoning: (value) =>
      typeof value === 'object' && Object.values(value as object).every((setting) => setting === null),
    truncation: (value) => value === 'disabled',
    top_logprobs: (value) => value === 0,
  },
  contentField: 'input',
}

export function readResponsesRequest(body: unknown): FieldVerdict<ChatRequest> {
  const read = readFields(body, schema, rules)
  if (!read.ok) return read
  const { value: data } = read
  // By itself, so that a refusal names the item.
  const listed = typeof data.input === 'string' ? undefined : readFields({ input: data.input }, items, rules)
  if (listed && !listed.ok) return listed
  const first = typeof data.instructions === 'string' ? [{ role: 'system', content: data.instructions }] : []
  const given = typeof data.input === 'string' ? [{ role: 'user' as const, content: data.input }] : listed!.value.input
  const messages = [...first, ...messagesOf(given)]
  if (messages.length > chatLimits.messages) return refuseField('invalid_value', 'Too many messages.', 'input')
  const shape = readResponsesShape(data, body)
  if (!shape.ok) return shape
  return accept({
    model: data.model,
    messages,
    stream: data.stream ?? false,
    includeUsage: true,
    maxTokens: data.max_output_tokens ?? undefined,
    temperature: data.temperature ?? 1,
    topP: data.top_p ?? 1,
    stop: [],
    seed: data.seed === null || data.seed === undefined ? undefined : BigInt(data.seed),
    logprobs: false,
    topLogprobs: 0,
    adjustments: {},
    ...shape.value,
  })
}
