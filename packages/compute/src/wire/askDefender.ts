/** A provider's side of a dispute as the accuser sees it: each question is one request. Spec: spec/dispute.md §9 */
import { bytesToHex, type Hex } from '@weightless/codec'
import type { Defender } from '@weightless/dispute'
import type { Bundle } from '@weightless/receipt'
import { isWorkingSigned } from '@weightless/receipt/working'
import { type DisputeQuestion, readDisputeAnswer } from './disputeMessages.ts'

/** The provider's word for a working. */
export type SignedRoot = { position: number; operator: number; root: Hex; signature: Hex }

/** @param send - resolves to the JSON of a 200, or to undefined: the provider does not answer */
export function askDefender(
  { receipt, opening, settlement }: Pick<Bundle, 'receipt' | 'opening' | 'settlement'>,
  choice: number,
  send: (body: { salt: Hex; choice: number; question: DisputeQuestion }) => Promise<unknown>,
): { defender: Defender; asked: () => number; signed: () => SignedRoot | undefined } {
  let count = 0
  let signed: SignedRoot | undefined
  const ask = (question: DisputeQuestion) => {
    count++
    return send({ salt: opening.salt, choice, question })
  }
  const defender: Defender = {
    traceHashes: async (level, index) => readDisputeAnswer('hashes', await ask({ ask: 'trace', level, index }))?.hashes,
    async step(position) {
      const step = readDisputeAnswer('step', await ask({ ask: 'step', position }))
      return step && { position, ...step }
    },
    async workingRoot(position, operator) {
      const answer = readDisputeAnswer('root', await ask({ ask: 'root', position, operator }))
      if (!answer) return undefined
      const word = { position, operator, root: bytesToHex(answer.root) }
      // A root that nobody signed is nobody's word.
      if (!isWorkingSigned(receipt, { choice, ...word }, settlement, answer.signature)) return undefined
      signed = { ...word, signature: answer.signature }
      return answer.root
    },
    hashes: async (position, operator, level, index) =>
      readDisputeAnswer('hashes', await ask({ ask: 'hashes', position, operator, level, index }))?.hashes,
    chunk: async (position, operator, chunk) =>
      readDisputeAnswer('chunk', await ask({ ask: 'chunk', position, operator, chunk }))?.bytes,
  }
  return { defender, asked: () => count, signed: () => signed }
}
