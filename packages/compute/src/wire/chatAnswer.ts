/** What `POST /v1/chat/completions` answers, whole or as events of a stream. Spec: COMPUTE §5. */

export type Usage = { prompt_tokens: number; completion_tokens: number; total_tokens: number }

export type FinishReason = 'stop' | 'length' | 'tool_calls'

export type ToolCallPart = { id: string; type: 'function'; function: { name: string; arguments: string } }

/** A piece of a call: the first has all but the arguments, which follow. */
export type ToolCallDelta = { index: number; function: { name?: string; arguments: string } } & Partial<
  Pick<ToolCallPart, 'id' | 'type'>
>

export type TokenLogprob = { token: string; logprob: number; bytes: number[] | null }
export type Logprobs = { content: (TokenLogprob & { top_logprobs: TokenLogprob[] })[]; refusal: null }

export type ChatCompletion = {
  id: string
  object: 'chat.completion'
  /** Seconds since the Unix epoch. */
  created: number
  model: string
  system_fingerprint: string
  choices: {
    index: number
    message: { role: 'assistant'; content: string | null; refusal: null; tool_calls?: ToolCallPart[] }
    logprobs: Logprobs | null
    finish_reason: FinishReason
  }[]
  usage: Usage
}

export type ChatChunk = {
  id: string
  object: 'chat.completion.chunk'
  created: number
  model: string
  system_fingerprint: string
  choices: {
    index: number
    delta: { role?: 'assistant'; content?: string | null; refusal?: null; tool_calls?: ToolCallDelta[] }
    logprobs: Logprobs | null
    finish_reason: FinishReason | null
  }[]
  usage?: Usage | null
}

/** OpenAI's model object, and what a verifier and a buyer need to know. COMPUTE §5.3 */
export type ModelCard = {
  id: string
  object: 'model'
  created: number
  /** The provider's address. */
  owned_by: string
  provider: string
  /** Storage root of the weights. */
  root: string
  program_id: string
  tokenizer_root: string
  context_length: number
  verifiability: string
  /** Wei per token as decimal text; `updated_at` is the registry entry's. */
  pricing: { prompt: string; completion: string; updated_at: string }
}

export type ModelList = { object: 'list'; data: ModelCard[] }

/** One server-sent event. */
export function sseEvent(value: unknown): string {
  return `data: ${JSON.stringify(value)}\n\n`
}

export const sseDone = 'data: [DONE]\n\n'

export function usageOf(promptTokens: number, completionTokens: number): Usage {
  return {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
  }
}
