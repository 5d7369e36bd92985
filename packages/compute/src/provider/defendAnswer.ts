/** Has the engine answer a question about the working of an answer, and signs the root of a working. Spec: spec/dispute.md §9, §12 */
import { bytesToHex, type Hex } from '@weightless/codec'
import { type Bundle, type ChatOpening, choiceSeed, choicesOf } from '@weightless/receipt'
import { signWorking } from '@weightless/receipt/working'
import type { DisputeAnswer, DisputeQuestion } from '../wire/disputeMessages.ts'
import type { ProviderContext } from './providerContext.ts'

export type SignedAnswer = {
  answer: DisputeAnswer
  /** Of a root. */
  signature?: Hex
}

/** Whether the engine could answer at all. */
export function isDefensible({ engine }: ProviderContext, { opening }: Bundle<ChatOpening>, choice: number): boolean {
  const output = choicesOf(opening)[choice]
  return engine.kind === 'exact' && engine.defend !== undefined && (output?.outputTokens.length ?? 0) > 0
}

/**
 * Undefined where there is nothing at that place.
 * @param key - of the dispute; what was executed for it is kept until it is forgotten
 */
export async function defendAnswer(
  { engine, account }: ProviderContext,
  { receipt, opening, settlement }: Bundle<ChatOpening>,
  key: string,
  choice: number,
  question: DisputeQuestion,
): Promise<SignedAnswer | undefined> {
  const output = choicesOf(opening)[choice]
  if (engine.kind !== 'exact' || !output) return undefined
  const { messages, stop, sampler, shape } = opening
  const job = { messages, stop, sampler, shape, seed: choiceSeed(receipt.seed, choice), topLogprobs: undefined }
  const { outputTokens, finishReason } = output
  const asked = { key, job, outputTokens, finishReason, traceRoot: receipt.traceRoot, question }
  const answer = await engine.defend?.(asked)
  if (answer?.kind !== 'root' || question.ask !== 'root') return answer && { answer }
  const { position, operator } = question
  const working = { choice, position, operator, root: bytesToHex(answer.root) }
  return { answer, signature: await signWorking(receipt, working, settlement, account) }
}
