/** A chat and its answer with log-probabilities, as OpenAI has them, whole or streamed: what a fingerprint is weighed from. Spec: spec/fingerprint.md §3 */
import { bytesToText } from '@weightless/codec'
import { z } from 'zod'

export type PrintedRequest = {
  messages: { role: string; content: string }[]
  temperature: number
  topP: number
  /** Alternatives of each token that the answer is to show. */
  top: number
}

/** `bytes`: undefined where the server does not tell them, as of a part of a character. */
export type PrintedToken = { bytes: Uint8Array | undefined; logprob: number }
export type PrintedPosition = PrintedToken & { top: PrintedToken[] }
export type PrintedAnswer = { text: string; positions: PrintedPosition[] }

/** With fewer alternatives a position says too little. */
const topMin = 5
const positionsMax = 131_072
const eventsMax = 1_000_000

const none = z.literal(0).nullish()
const one = z.literal(1).nullish()
const part = z.strictObject({ type: z.literal('text'), text: z.string() }).transform(({ text }) => text)
const content = z.union([z.string(), z.array(part).transform((parts) => parts.join(''))])

/** Changes neither what the model is told nor what is drawn. */
const harmless = z.unknown().optional()

/** Whatever else may change what is drawn, or what the model is told: of such an answer nothing is promised. */
const requestSchema = z.strictObject({
  messages: z
    .array(z.strictObject({ role: z.string(), content }))
    .min(1)
    .max(4_096),
  logprobs: z.literal(true),
  top_logprobs: z.int().min(topMin).max(20),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  n: one,
  presence_penalty: none,
  frequency_penalty: none,
  logit_bias: z.strictObject({}).nullish(),
  response_format: z.strictObject({ type: z.literal('text') }).nullish(),
  tools: z.array(z.unknown()).length(0).nullish(),
  functions: z.null().optional(),
  tool_choice: z.enum(['none', 'auto']).nullish(),
  // Words of llama-server and vLLM, as long as they leave the sampler alone.
  top_k: z.union([z.literal(0), z.literal(-1)]).nullish(),
  min_p: none,
  repeat_penalty: one,
  repetition_penalty: one,
  ...{ model: harmless, stream: harmless, stream_options: harmless, stop: harmless, seed: harmless },
  ...{ max_tokens: harmless, max_completion_tokens: harmless, parallel_tool_calls: harmless, store: harmless },
  ...{ user: harmless, metadata: harmless, service_tier: harmless },
  ...{ safety_identifier: harmless, prompt_cache_key: harmless },
})

/** Undefined for a request of whose answer no fingerprint can be weighed. @param json - body of a chat request */
export function readPrintedRequest(json: unknown): PrintedRequest | undefined {
  const read = requestSchema.safeParse(json)
  if (!read.success) return undefined
  const { messages, temperature, top_p: topP, top_logprobs: top } = read.data
  return { messages, temperature: temperature ?? 1, topP: topP ?? 1, top }
}

const shown = {
  token: z.string(),
  logprob: z.number().max(0.001),
  bytes: z.array(z.int().min(0).max(255)).max(1_024).nullish(),
}
const logprobsSchema = z.object({
  content: z.array(z.object({ ...shown, top_logprobs: z.array(z.object(shown)).max(20) })).max(positionsMax),
})

/** Undefined for bytes that are no such answer, or have no log-probabilities. */
export function readPrintedAnswer(body: Uint8Array): PrintedAnswer | undefined {
  const text = bytesToText(body)
  const answer: PrintedAnswer = { text: '', positions: [] }
  for (const json of text.startsWith('{') ? [text] : eventsOf(text)) {
    if (!addPart(answer, json)) return undefined
  }
  return answer.positions.length > 0 && answer.positions.length <= positionsMax ? answer : undefined
}

function eventsOf(text: string): string[] {
  const lines = text.split(/\r?\n/).filter((line) => line.startsWith('data:'))
  const events = lines.slice(0, eventsMax).map((line) => line.slice('data:'.length).trim())
  return events.filter((data) => data !== '[DONE]')
}

type Choice = { message?: { content?: unknown }; delta?: { content?: unknown }; logprobs?: unknown }

function addPart(answer: PrintedAnswer, json: string): boolean {
  let parsed: { choices?: (Choice | null)[] } | null
  try {
    parsed = JSON.parse(json)
  } catch {
    // No event of an answer.
    return false
  }
  const choice = Array.isArray(parsed?.choices) ? parsed.choices[0] : undefined
  if (!choice) return parsed !== null
  const said = (choice.message ?? choice.delta)?.content
  if (typeof said === 'string') answer.text += said
  if (choice.logprobs === undefined || choice.logprobs === null) return true
  const read = logprobsSchema.safeParse(choice.logprobs)
  if (!read.success) return false
  for (const { top_logprobs: top, ...token } of read.data.content) {
    answer.positions.push({ ...tokenOf(token), top: top.map(tokenOf) })
  }
  return true
}

function tokenOf({ logprob, bytes }: { logprob: number; bytes?: number[] | null | undefined }): PrintedToken {
  return { logprob, bytes: bytes ? Uint8Array.from(bytes) : undefined }
}
