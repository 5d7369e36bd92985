/** What an answer of the upstream, whole or one event of it, says and claims to have used. COMPUTE §11.4 */

export type Reported = { promptTokens: number | undefined; completionTokens: number | undefined }

export type AnswerPart = {
  /** Text that the model made, of all answers together, tool calls and reasoning included. */
  text: string
  reported: Reported | undefined
  /** Answers that are finished with it. */
  finished: number
  /** Images that it holds. */
  images: number
  /** Seconds of sound, as told. */
  seconds: number | undefined
  /** Nothing of the answer comes after it. */
  isLast: boolean
  /** It holds nothing but the usage. */
  isUsageOnly: boolean
  isError: boolean
  /** It shows log-probabilities of tokens. */
  hasLogprobs: boolean
}

type Json = Readonly<Record<string, unknown>>

const lastTypes =
  /^(response\.(completed|incomplete|failed)|(speech\.audio|transcript\.text)\.done|image_\w+\.completed)$/
const textKeys = ['content', 'text', 'reasoning_content', 'reasoning', 'refusal', 'arguments', 'name', 'thinking']
const depthMax = 12

/** @throws {SyntaxError} what is not JSON */
export function readPart(data: string): AnswerPart {
  const json: unknown = JSON.parse(data)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new SyntaxError('no JSON object')
  return describe(json as Json)
}

function describe(json: Json): AnswerPart {
  const choices = Array.isArray(json.choices) ? (json.choices as (Json | null)[]) : undefined
  const response = asObject(json.response)
  const usage = asObject(json.usage) ?? asObject(response?.usage)
  const type = typeof json.type === 'string' ? json.type : ''
  const parts: string[] = []
  if (choices)
    for (const choice of choices) collect(choice?.message ?? choice?.delta ?? { text: choice?.text }, parts, 0)
  else if (type.endsWith('.delta')) parts.push(typeof json.delta === 'string' ? json.delta : '')
  else if (Array.isArray(json.output)) collect(json.output, parts, 0)
  const seconds = typeof json.duration === 'number' ? json.duration : usage?.seconds
  return {
    text: parts.join(''),
    reported: usage && reportedOf(usage),
    finished: choices?.filter((choice) => typeof choice?.finish_reason === 'string').length ?? 0,
    images: Array.isArray(json.data) ? json.data.length : 0,
    seconds: typeof seconds === 'number' && seconds >= 0 && Number.isFinite(seconds) ? seconds : undefined,
    isLast: lastTypes.test(type),
    isUsageOnly: choices?.length === 0 && usage !== undefined,
    hasLogprobs: choices?.some((choice) => isFilled(asObject(choice?.logprobs)?.content)) ?? false,
    isError: (json.error !== undefined && json.error !== null) || type === 'response.failed' || type === 'error',
  }
}

function reportedOf(usage: Json): Reported {
  return {
    promptTokens: countOf(usage.prompt_tokens ?? usage.input_tokens),
    completionTokens: countOf(usage.completion_tokens ?? usage.output_tokens),
  }
}

const countOf = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : undefined

const isFilled = (value: unknown): boolean => Array.isArray(value) && value.length > 0

const asObject = (value: unknown): Json | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Json) : undefined

function collect(value: unknown, parts: string[], depth: number): void {
  if (depth > depthMax || typeof value !== 'object' || value === null) return
  if (Array.isArray(value)) {
    for (const item of value) collect(item, parts, depth + 1)
    return
  }
  for (const [key, item] of Object.entries(value)) {
    if (typeof item === 'string') {
      if (textKeys.includes(key)) parts.push(item)
    } else collect(item, parts, depth + 1)
  }
}
