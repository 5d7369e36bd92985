/** The body of `POST /v1/completions` for an exact engine: a raw prompt is a conversation of one message without template. COMPUTE §4.3 */
import { accept } from '@weightless/codec'
import { choicesMax } from '@weightless/receipt/bundle'
import { promptRole } from '@weightless/tensor'
import { z } from 'zod'
import { type ChatRequest, chatLimits } from './chatRequest.ts'
import { type FieldRules, type FieldVerdict, readFields, refuseField, wellFormed } from './readFields.ts'
import { adjustmentFields, readAdjustments } from './readSampling.ts'
import { shapeOf } from './readShape.ts'

const logprobsMax = 5

const prompt = wellFormed.min(1)

const schema = z.object({
  model: z.string().min(1).max(256),
  prompt: z.union([prompt, z.array(z.unknown())]),
  stream: z.boolean().nullish(),
  stream_options: z
    .object({ include_usage: z.boolean().nullish(), include_obfuscation: z.boolean().nullish() })
    .nullish(),
  max_tokens: z.int().min(1).max(0x7fffffff).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  stop: z.union([wellFormed.min(1), z.array(wellFormed.min(1)).max(chatLimits.stops)]).nullish(),
  seed: z.int().nullish(),
  logprobs: z.int().min(0).max(logprobsMax).nullish(),
  n: z.int().min(1).max(choicesMax).nullish(),
  ...adjustmentFields,
})

const rules: FieldRules = {
  neutral: {
    best_of: (value) => value === 1,
    echo: (value) => value === false,
    suffix: (value) => value === '',
  },
  contentField: 'prompt',
}

export function readCompletionRequest(body: unknown): FieldVerdict<ChatRequest> {
  const read = readFields(body, schema, rules)
  if (!read.ok) return read
  const { value: data } = read
  const text = onePrompt(data.prompt)
  if (!text.ok) return text
  return accept({
    model: data.model,
    messages: [{ role: promptRole, content: text.value }],
    stream: data.stream ?? false,
    includeUsage: data.stream_options?.include_usage ?? false,
    maxTokens: data.max_tokens ?? undefined,
    temperature: data.temperature ?? 1,
    topP: data.top_p ?? 1,
    stop: typeof data.stop === 'string' ? [data.stop] : (data.stop ?? []),
    seed: data.seed === null || data.seed === undefined ? undefined : BigInt(data.seed),
    logprobs: typeof data.logprobs === 'number',
    topLogprobs: data.logprobs ?? 0,
    adjustments: readAdjustments(data),
    ...shapeOf(data.n ?? 1),
  })
}

/** A receipt is about one job: several prompts would be several. */
function onePrompt(value: string | unknown[]): FieldVerdict<string> {
  if (typeof value === 'string') return accept(value)
  if (value.length !== 1) {
    return refuseField('unsupported_parameter', "'prompt': one text a request is supported by this provider.", 'prompt')
  }
  const read = prompt.safeParse(value[0])
  if (read.success) return accept(read.data)
  return refuseField('unsupported_content', "'prompt': only text, not empty, is supported by this provider.", 'prompt')
}
