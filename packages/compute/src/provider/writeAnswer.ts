/** An exact engine's answer in the words of the path that it was asked by. COMPUTE §5 */
import type { EngineEnd, EngineToken } from '../engine/engine.ts'
import { type Logprobs, type TokenLogprob, type Usage, usageOf } from '../wire/chatAnswer.ts'
import type { Job } from './openJob.ts'
import type { ProviderContext } from './providerContext.ts'

export type TokenLogprobs = Logprobs['content']

/** For one job; lists have one entry for each of its answers. The events are told in the order begin, piece …, finish. */
export type AnswerWriter = {
  whole(ends: readonly EngineEnd[], logprobs: readonly TokenLogprobs[]): unknown
  begin(): string
  piece(choice: number, text: string, logprobs: TokenLogprobs): string
  /** `rests` is the text that became certain with the end. */
  finish(ends: readonly EngineEnd[], rests: readonly string[], logprobs: readonly TokenLogprobs[]): string
}

/** What a writer has to know of the job. */
export type WrittenJob = Pick<Job, 'id' | 'createdSeconds' | 'request'>

/** OpenAI: "the backend configuration that the model runs with"; here that is exactly the program. */
export function fingerprintOf({ engine }: Pick<ProviderContext, 'engine'>): string {
  return `fp_${engine.model.programId.slice(2, 14)}`
}

/** As OpenAI counts: the prompt once, the tokens of all answers. */
export function usageOfAll(ends: readonly EngineEnd[]): Usage {
  const completionTokens = ends.reduce((sum, { outputTokens }) => sum + outputTokens.length, 0)
  return usageOf(ends[0]!.promptTokens, completionTokens)
}

export function wireLogprob({ top, ...chosen }: NonNullable<EngineToken['logprob']>): TokenLogprobs[number] {
  const plain = ({ text, logprob, bytes }: typeof chosen): TokenLogprob => ({ token: text, logprob, bytes: [...bytes] })
  return { ...plain(chosen), top_logprobs: top.map(plain) }
}
