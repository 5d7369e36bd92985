/** Requests for chats and completions as llama.cpp can serve them: what is not understood is refused by name. Spec: COMPUTE §11.7 */
import {
  type FieldRules,
  type FieldVerdict,
  readFields,
  refuseField,
  wellFormed,
} from '@weightless/compute/wire/readFields'
import { promptRole } from '@weightless/tensor'
import { z } from 'zod'
import { readJsonSchema } from './jsonSchemaSubset.ts'
import type { TokenSampling } from './tokenModel.ts'

export type TextRequest = {
  kind: 'chat' | 'completion'
  model: string
  messages: { role: string; content: string }[]
  stream: boolean
  includeUsage: boolean
  maxTokens: number | undefined
  stop: string[]
  sampling: Omit<TokenSampling, 'seed'> & { seed: number | undefined }
}

const biasesMax = 1_024
const optional = <Schema extends z.ZodType>(schema: Schema) => schema.nullish()
const tokens = optional(z.int().min(1).max(0x7fffffff))
const penalty = optional(z.number().min(-2).max(2))
const stopText = wellFormed.min(1).max(1_024)

const shared = {
  model: z.string().min(1).max(256),
  stream: optional(z.boolean()),
  stream_options: optional(
    z.object({ include_usage: optional(z.boolean()), include_obfuscation: optional(z.boolean()) }),
  ),
  max_tokens: tokens,
  temperature: optional(z.number().min(0).max(2)),
  top_p: optional(z.number().gt(0).max(1)),
  stop: optional(z.union([stopText, z.array(stopText).max(4)])),
  seed: optional(z.int()),
  frequency_penalty: penalty,
  presence_penalty: penalty,
  logit_bias: optional(
    z
      .record(z.string().regex(/^\d{1,7}$/), z.number().min(-100).max(100))
      .refine((biases) => Object.keys(biases).length <= biasesMax, `at most ${biasesMax} tokens`),
  ),
}

const textPart = z.object({ type: z.literal('text'), text: wellFormed })
const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: z.union([wellFormed, z.array(textPart).min(1)]),
  name: optional(z.string()),
})

const chatSchema = z.object({
  ...shared,
  messages: z.array(message).min(1).max(1_024),
  max_completion_tokens: tokens,
  logprobs: optional(z.boolean()),
  top_logprobs: optional(z.int().min(0).max(20)),
  response_format: optional(z.looseObject({ type: z.enum(['text', 'json_object', 'json_schema']) })),
})

const completionSchema = z.object({
  ...shared,
  prompt: z.union([wellFormed.min(1), z.tuple([wellFormed.min(1)])]),
  logprobs: optional(z.int().min(0).max(5)),
})

const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0
const neutral: FieldRules['neutral'] = { n: (value) => value === 1 }
const chatRules: FieldRules = {
  contentField: 'messages',
  neutral: {
    ...{ ...neutral, tools: isEmpty, functions: isEmpty, parallel_tool_calls: () => true, store: () => true },
    ...{ audio: () => false, prediction: () => false, reasoning_effort: () => false, web_search_options: () => false },
    tool_choice: (value) => value === 'none' || value === 'auto',
    function_call: (value) => value === 'none' || value === 'auto',
    modalities: (value) => Array.isArray(value) && value.length === 1 && value[0] === 'text',
  },
}
const completionRules: FieldRules = {
  contentField: 'prompt',
  neutral: {
    ...neutral,
    best_of: (value) => value === 1,
    echo: (value) => value === false,
    suffix: (value) => value === '',
  },
}

export function readTextRequest(kind: TextRequest['kind'], body: unknown): FieldVerdict<TextRequest> {
  return kind === 'chat' ? readChat(body) : readCompletion(body)
}

function readChat(body: unknown): FieldVerdict<TextRequest> {
  const read = readFields(body, chatSchema, chatRules)
  if (!read.ok) return read
  const { value: data } = read
  if ((data.top_logprobs ?? 0) > 0 && !data.logprobs)
    return refuseField('invalid_value', "'top_logprobs' needs 'logprobs' to be true.", 'top_logprobs')
  const json = readFormat(data.response_format)
  if (!json.ok) return json
  const messages = data.messages.map(({ role, content }) => ({
    // Templates know no developer; OpenAI itself treats the two alike.
    role: role === 'developer' ? 'system' : role,
    content: typeof content === 'string' ? content : content.map(({ text }) => text).join(''),
  }))
  return {
    ok: true,
    value: {
      ...{ kind: 'chat', messages, ...readShared(data) },
      maxTokens: data.max_completion_tokens ?? data.max_tokens ?? undefined,
      sampling: {
        ...readSampling(data),
        json: json.value,
        topLogprobs: data.logprobs ? (data.top_logprobs ?? 0) : undefined,
      },
    },
  }
}

function readCompletion(body: unknown): FieldVerdict<TextRequest> {
  const read = readFields(body, completionSchema, completionRules)
  if (!read.ok) return read
  const { value: data } = read
  const content = typeof data.prompt === 'string' ? data.prompt : data.prompt[0]
  return {
    ok: true,
    value: {
      ...{ kind: 'completion', messages: [{ role: promptRole, content }], ...readShared(data) },
      maxTokens: data.max_tokens ?? undefined,
      sampling: { ...readSampling(data), json: undefined, topLogprobs: data.logprobs ?? undefined },
    },
  }
}

type Shared = z.infer<z.ZodObject<typeof shared>>

function readShared({ model, stream, stream_options: options, stop }: Shared) {
  return {
    model,
    stream: stream ?? false,
    includeUsage: options?.include_usage ?? false,
    stop: typeof stop === 'string' ? [stop] : (stop ?? []),
  }
}

function readSampling(data: Shared) {
  const biases = Object.entries(data.logit_bias ?? {})
  return {
    temperature: data.temperature ?? 1,
    topP: data.top_p ?? 1,
    // Wide seeds are folded: the library takes 32 bits.
    seed: typeof data.seed === 'number' ? Number(BigInt.asUintN(32, BigInt(data.seed))) : undefined,
    frequencyPenalty: data.frequency_penalty ?? 0,
    presencePenalty: data.presence_penalty ?? 0,
    bias: new Map(biases.map(([token, bias]) => [Number(token), bias])),
  }
}

function readFormat(format: { type: string } | null | undefined): FieldVerdict<TokenSampling['json']> {
  if (!format || format.type === 'text') return { ok: true, value: undefined }
  if (format.type === 'json_object') return { ok: true, value: { schema: undefined } }
  const told = (format as { json_schema?: { schema?: unknown } | null }).json_schema
  const read = readJsonSchema(told?.schema)
  if (read.ok) return { ok: true, value: { schema: read.schema } }
  return refuseField('unsupported_parameter', `'response_format': the schema: ${read.reason}.`, 'response_format')
}
