/** States of SHA-256 over a row of words, one after each whole chunk and one after all. Spec: spec/dispute.md §4. */
import { compress, finish, initialState } from '../numbers/sha256Block.ts'
import type { ReadWords } from './computeWord.ts'
import { chunkWords, type Rule, statesOf } from './rules.ts'

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
  if (state < states - 1) return compress(before, littleEndian(words(rule.of, from, chunkWords)))
  const rest = rule.rowWords - state * chunkWords
  return finish(before, rest === 0 ? new Uint8Array() : littleEndian(words(rule.of, from, rest)), rule.rowWords * 4)
}

export function littleEndian(words: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 4)
  const view = new DataView(bytes.buffer)
  words.forEach((word, i) => {
    view.setUint32(i * 4, word, true)
  })
  return bytes
}

/** Eight words as the 32 bytes of a digest. */
export function digestBytes(state: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(32)
  const view = new DataView(bytes.buffer)
  state.forEach((word, i) => {
    view.setUint32(i * 4, word)
  })
  return bytes
}
