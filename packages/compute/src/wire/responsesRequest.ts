/** The body of `POST /v1/responses` for an exact engine: a chat in other words. Nothing is stored under an id. COMPUTE §4.4 */
import { accept } from '@weightless/codec'
import { z } from 'zod'
import { type ChatRequest, chatLimits } from './chatRequest.ts'
import { type FieldRules, type FieldVerdict, readFields, refuseField, wellFormed } from './readFields.ts'
import { readResponsesShape, responsesShapeFields } from './responsesShape.ts'

/** `output_text` and the further fields of what an earlier answer said: it may come back as it was. */
const textPart = z.object({ type: z.enum(['input_text', 'output_text', 'text']), text: wellFormed })

const message = z.object({
  type: z.literal('message').nullish(),
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([wellFormed, z.array(textPart).min(1)]),
})

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

const items = z.object({ input: z.array(message).min(1).max(chatLimits.messages) })

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0

const rules: FieldRules = {
  neutral: {
    store: (value) => value === false,
    background: (value) => value === false,
    previous_response_id: () => false,
    conversation: () => false,
    prompt: () => false,
    context_management: isEmpty,
    tools: isEmpty,
    include: isEmpty,
    tool_choice: (value) => value === 'none' || value === 'auto',
    parallel_tool_calls: () => true,
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
  const messages = messagesOf(data.input, listed?.value.input ?? [], data.instructions)
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

function messagesOf(
  input: unknown,
  listed: readonly z.infer<typeof message>[],
  instructions: string | null | undefined,
): ChatRequest['messages'] {
  const first = typeof instructions === 'string' ? [{ role: 'system', content: instructions }] : []
  if (typeof input === 'string') return [...first, { role: 'user', content: input }]
  const rest = listed.map(({ role, content }) => ({
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : content.map((part) => part.text).join(''),
  }))
  return [...first, ...rest]
}
