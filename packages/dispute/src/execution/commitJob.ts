/** The job that an answer was, as both sides of a dispute state it: what the receipt commits to, and the tokens that went through. */
import { type Hex, hexToBytes } from '@weightless/codec'
import type { Model, Tokenizer } from '@weightless/tensor'
import type { AdapterPlaces } from '@weightless/tensor/adapter/locateAdapter'
import { type AnswerShape, maskOf } from '@weightless/tensor/grammar/answerGrammar'
import type { Adjustments } from '@weightless/tensor/sampler/adjustLogits'
import type { JobCommitment } from '../referee/jobCommitment.ts'
import type { Adjust, Draw } from '../working/rules.ts'

export type AnsweredChat = {
  messages: Parameters<Model['promptTokens']>[0]
  /** What the answer was held to. */
  shape?: AnswerShape | undefined
  outputTokens: readonly number[]
  sampler: AnsweredSampler
  /** Of a model with one. */
  adapter?: AdapterPlaces | undefined
  /** 32 bytes, of this answer among those to one request. */
  seed: Hex
  traceRoot: Hex
}

/** `tokens`: prompt and output without the last, one for each step. @throws {SchemaUnsupportedError} */
export function commitJob(
  model: Model,
  { messages, shape, outputTokens, sampler, adapter, seed, traceRoot }: AnsweredChat,
): { job: JobCommitment; tokens: number[] } {
  const prompt = model.promptTokens(messages, shape?.tools)
  const tokens = [...prompt, ...outputTokens.slice(0, -1)]
  const job = {
    graph: { ...model.parts.graph, ...(adapter && { adapter }) },
    traceRoot: hexToBytes(traceRoot),
    steps: tokens.length,
    promptTokens: prompt.length,
    sampler: { ...samplerOf(sampler), seed32: hexToBytes(seed) },
    ...masksOf(model.tokenizer, shape),
  }
  return { job, tokens }
}

/** As a receipt's opening has it. */
export type AnsweredSampler = { temperature: number; topP: number } & Adjustments

/** What the sampler is told of every token. */
export function samplerOf(sampler: AnsweredSampler): Pick<Draw, 'temperature' | 'topP' | 'adjust'> {
  const { temperature, topP, presencePenalty: presence = 0, frequencyPenalty: frequency = 0, logitBias = [] } = sampler
  const isIdle = presence === 0 && frequency === 0 && logitBias.length === 0
  return { temperature, topP, ...(!isIdle && { adjust: { presence, frequency, bias: logitBias } }) }
}

/** What a job says of masks; nothing where the request has none. @throws {SchemaUnsupportedError} */
export function masksOf(tokenizer: Tokenizer, shape: AnswerShape | undefined): Pick<JobCommitment, 'mask'> {
  // Once at first: a schema that cannot be one is told of at once.
  return maskOf(tokenizer, shape) ? { mask: () => maskOf(tokenizer, shape)! } : {}
}

/** As the sampler's adjuster takes it. */
export function adjustmentsOf(adjust: Adjust | undefined): Adjustments {
  if (!adjust) return {}
  return { presencePenalty: adjust.presence, frequencyPenalty: adjust.frequency, logitBias: adjust.bias }
}
