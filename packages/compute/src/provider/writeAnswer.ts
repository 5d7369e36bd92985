/** An exact engine's answer in the words of the path that it was asked by. COMPUTE §5 */
import type { EngineEnd } from '../engine/engine.ts'
import type { Logprobs } from '../wire/chatAnswer.ts'
import type { ProviderContext } from './providerContext.ts'

export type TokenLogprobs = Logprobs['content']

/** For one job; the events are told in the order begin, piece …, finish. */
export type AnswerWriter = {
  whole(end: EngineEnd, logprobs: TokenLogprobs): unknown
  begin(): string
  piece(text: string, logprobs: TokenLogprobs): string
  /** `rest` is the text that became certain with the end. */
  finish(end: EngineEnd, rest: string, logprobs: TokenLogprobs): string
}

/** OpenAI: "the backend configuration that the model runs with"; here that is exactly the program. */
export function fingerprintOf({ engine }: ProviderContext): string {
  return `fp_${engine.model.programId.slice(2, 14)}`
}
