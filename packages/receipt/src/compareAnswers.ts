/** Whether two receipts say that the same run gave the same answer, bit by bit. Spec: COMPUTE §10.10 */
import { choicesOf } from './bundle.ts'
import type { Bundle, ChatOpening } from './openedReceipt.ts'

/** What differs first; undefined when nothing does. Salts, names, prices and times are each provider's own. */
export function compareAnswers(a: Bundle<ChatOpening>, b: Bundle<ChatOpening>): string | undefined {
  for (const name of ['modelRoot', 'programId', 'tokenizerRoot', 'sampler', 'seed', 'promptTokens'] as const) {
    if (a.receipt[name] !== b.receipt[name]) return name
  }
  const [ours, theirs] = [choicesOf(a.opening), choicesOf(b.opening)]
  if (ours.length !== theirs.length) return 'number of answers'
  for (const [index, { outputTokens, outputText, finishReason }] of ours.entries()) {
    const other = theirs[index]!
    const at = ours.length === 1 ? '' : `answer ${index}: `
    const token = firstDifferent(outputTokens, other.outputTokens)
    if (token !== undefined) return `${at}token ${token}`
    if (finishReason !== other.finishReason) return `${at}finish reason`
    if (outputText !== other.outputText) return `${at}text`
  }
  return a.receipt.traceRoot === b.receipt.traceRoot ? undefined : 'root of the trace'
}

function firstDifferent(ours: readonly number[], theirs: readonly number[]): number | undefined {
  const length = Math.max(ours.length, theirs.length)
  for (let i = 0; i < length; i++) if (ours[i] !== theirs[i]) return i
  return undefined
}
