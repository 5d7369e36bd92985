/** The seam between what runs a model token by token and the server that speaks OpenAI's protocol in front of it. */
import { WeightlessError } from '@weightless/codec'
import type { ChatMessage } from '@weightless/tensor'

export type TokenModel = {
  /** Tokens of prompt and answer together. */
  contextLength: number
  /** Jobs that run side by side. */
  concurrent: number
  /** Tokens of a text, as the model's own tokenizer cuts it; special tokens in it are text. */
  countTokens(text: string): number
  /** The prompt of a conversation, by the file's template, or of a raw text. @throws {ChatTemplateError} */
  promptTokens(messages: readonly ChatMessage[]): number[]
  /** Text of tokens that follow `before`; a character that is not whole yet shows as U+FFFD at its end. */
  textOf(tokens: readonly number[], before: readonly number[]): string
  /** Whether the token ends an answer. */
  isEnd(token: number): boolean
  /** Tokens one by one, for as long as somebody asks. @throws {PromptRefusedError} {ModelBusyError} {AbortedError} */
  generate(prompt: readonly number[], sampling: TokenSampling, signal: AbortSignal): AsyncGenerator<TokenStep>
  close(): Promise<void>
}

export type TokenSampling = {
  temperature: number
  topP: number
  /** 32 bits; drawn where the user gives none. */
  seed: number
  frequencyPenalty: number
  presencePenalty: number
  /** Added to the logits of these tokens; -100 forbids. */
  bias: ReadonlyMap<number, number>
  /** The answer is JSON, of this schema if one is given. */
  json: { schema: object | undefined } | undefined
  /** Alternatives wanted for each token; undefined: no log-probabilities. */
  topLogprobs: number | undefined
}

export type TokenStep = {
  token: number
  /** Of the distribution that was drawn from: after temperature and top-p. */
  logprob?: number
  top?: { token: number; logprob: number }[]
}

/** What the user asked cannot be done by this model. */
export class PromptRefusedError extends WeightlessError {
  constructor(facts: { reason: string; param: string }) {
    super('node/prompt-refused', 'The model cannot take this request.', facts)
  }
}

export class ModelBusyError extends WeightlessError {
  constructor() {
    super('node/model-busy', 'Too many jobs wait for the model.', {})
  }
}
