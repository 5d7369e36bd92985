/** A text that is learnt after its beginning, without a chat template, as one row. Spec: spec/training.md §1.2. */
import type { ModelDescription } from '../model/loadModel.ts'
import type { TokenRow } from './forwardPass.ts'

/**
 * Beginning and rest are tokenised alone, what looks like a special token is text, nothing stands before or between them, and
 * the token that ends a text follows. Trainings that were receipted are repeated by this rule.
 *
 * @param prompt - may be empty; its tokens are not learnt, nor is the very first token of the row
 * @returns tokens [n], mask [n] of those learnt; not cut
 */
export function bareRow({ tokenizer }: ModelDescription, prompt: string, completion: string): TokenRow {
  const { endToken } = tokenizer.tables
  const head = tokenizer.encode(prompt, { special: false })
  const rest = tokenizer.encode(completion, { special: false })
  const tokens = [...head, ...rest, ...(endToken >= 0 ? [endToken] : [])]
  return { tokens, mask: tokens.map((_, at) => (at >= Math.max(1, head.length) ? 1 : 0)) }
}
