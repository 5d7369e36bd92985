/** Byte-level BPE as GPT-2's: a text is cut into words, each word's bytes are merged. Spec: spec/tensor.md §6.2, §6.3. */
import { textToBytes } from '@weightless/codec'
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import { byteCharacters, characterBytes } from './byteAlphabet.ts'
import { type MergeRule, mergePairs, pairKey } from './mergePairs.ts'
import { type TokenizerTables, tokenTypes } from './readTables.ts'
import { createSplitter, takesWholeWords } from './splitText.ts'

const cachedWordsMax = 20_000

/** Appends the tokens of a text without special tokens. @throws {GgufInvalidError} for merges that the vocabulary has not */
export function createWordEncoder(tables: TokenizerTables): (text: string, out: number[]) => void {
  const ids = new Map(tables.tokens.map((text, id) => [text, id]))
  const byteTokens = byteCharacters.map((character) => ids.get(character) ?? -1)
  const split = createSplitter(tables.pre)!
  const wholeWords = takesWholeWords(tables.pre)
  const merges = buildMerges(tables.merges, ids)
  const words = new Map<string, readonly number[]>()

  function encodeWord(word: string): readonly number[] {
    const known = words.get(word)
    if (known !== undefined) return known
    const bytes = textToBytes(word)
    const whole = wholeWords ? ids.get(Array.from(bytes, (byte) => byteCharacters[byte]!).join('')) : undefined
    // A byte that the vocabulary lacks is dropped, as other implementations do.
    const found = Array.from(bytes, (byte) => byteTokens[byte]!).filter((token) => token >= 0)
    const merged = whole === undefined ? mergePairs(found, merges) : [whole]
    if (words.size >= cachedWordsMax) words.clear()
    if (word.length <= 64) words.set(word, merged)
    return merged
  }

  return (text, out) => {
    for (const word of split(text)) for (const token of encodeWord(word)) out.push(token)
  }
}

function buildMerges(lines: readonly string[], ids: ReadonlyMap<string, number>): MergeRule {
  const ranks = new Map<number, number>()
  const merged = new Int32Array(lines.length)
  for (let rank = 0; rank < lines.length; rank++) {
    const line = lines[rank]!
    const space = line.indexOf(' ', 1)
    const left = ids.get(line.slice(0, space))
    const right = ids.get(line.slice(space + 1))
    const whole = ids.get(line.slice(0, space) + line.slice(space + 1))
    if (space < 1 || left === undefined || right === undefined || whole === undefined) {
      throw new GgufInvalidError('a merge of the tokenizer is not in its vocabulary', { value: line.slice(0, 60) })
    }
    const key = pairKey(left, right)
    if (!ranks.has(key)) ranks.set(key, rank)
    merged[rank] = whole
  }
  return { rank: (left, right) => ranks.get(pairKey(left, right)), merged: (_left, _right, rank) => merged[rank]! }
}

/** What a token stands for; nothing for a control token. */
export function wordBytesOf(tables: TokenizerTables, token: number): Uint8Array {
  const text = tables.tokens[token]
  const type = tables.types[token]
  if (text === undefined || type === tokenTypes.control) return new Uint8Array()
  if (type === tokenTypes.userDefined) return textToBytes(text)
  const bytes: number[] = []
  for (const character of text) {
    const byte = characterBytes.get(character)
    if (byte !== undefined) bytes.push(byte)
    else bytes.push(...textToBytes(character))
  }
  return Uint8Array.from(bytes)
}
