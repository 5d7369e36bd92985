/** The job that an answer was, as both sides of a dispute state it: what the receipt commits to, and the tokens that went through. */
import { type Hex, hexToBytes } from '@weightless/codec'
import type { Model } from '@weightless/tensor'
import type { Adjustments } from '@weightless/tensor/sampler/adjustLogits'
import type { JobCommitment } from '../referee/judge.ts'
import type { Draw } from '../working/rules.ts'

export type AnsweredChat = {
  messages: Parameters<Model['promptTokens']>[0]
  /** The functions that the model was told of, as JSON text. */
  tools?: string
  outputTokens: readonly number[]
  sampler: AnsweredSampler
  /** 32 bytes, of this answer among those to one request. */
  seed: Hex
  traceRoot: Hex
}

/** `tokens`: prompt and output without the last, one for each step. */
export function commitJob(
  model: Model,
  { messages, tools, outputTokens, sampler, seed, traceRoot }: AnsweredChat,
): { job: JobCommitment; tokens: number[] } {
  const prompt = model.promptTokens(messages, tools)
  const tokens = [...prompt, ...outputTokens.slice(0, -1)]
  const job = {
    graph: model.parts.graph,
    traceRoot: hexToBytes(traceRoot),
    steps: tokens.length,
    promptTokens: prompt.length,
    sampler: { ...samplerOf(sampler), seed32: hexToBytes(seed) },
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
