/** States of SHA-256 over a row of words, one after each whole chunk and one after all. Spec: spec/dispute.md §4. */
import { compress, finish, initialState } from '../numbers/sha256Block.ts'
import { wordBytes } from '../numbers/words.ts'
import { chunkWords, type Rule, statesOf } from './rules.ts'
import type { ReadWords } from './wordReader.ts'

export function chainState(
  rule: Extract<Rule, { kind: 'chain' }>,
  own: number,
  index: number,
  words: ReadWords,
): Uint32Array {
  const states = statesOf(rule.rowWords)
  const [row, state] = [Math.floor(index / states), index % states]
  const before = state === 0 ? initialState : words(own, (index - 1) * 8, 8)
  const from = row * rule.rowWords + state * chunkWords
  if (state < states - 1) return compress(before, wordBytes(words(rule.of, from, chunkWords)))
  const rest = rule.rowWords - state * chunkWords
  return finish(before, rest === 0 ? new Uint8Array() : wordBytes(words(rule.of, from, rest)), rule.rowWords * 4)
}
