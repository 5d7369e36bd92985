/** Learns a byte-pair vocabulary: again and again the pair that comes most often becomes one token, of equal ones the pair of lowest tokens. */
import { textToBytes } from '@weightless/codec'
import { byteCharacters } from '@weightless/tensor/tokenizer/byteAlphabet'
import { createSplitter } from '@weightless/tensor/tokenizer/splitText'

type Word = { symbols: number[]; count: number }

/** How often each pair comes, and words that have or had it. */
type Pairs = Map<number, { count: number; words: Set<Word> }>

/** @returns tokens (special ones, bytes, merged) and the merges in order, as GGUF has them */
export function learnMerges(
  texts: readonly string[],
  specials: readonly string[],
  vocabSize: number,
): { tokens: string[]; merges: string[] } {
  const tokens = [...specials, ...byteCharacters]
  const merges: string[] = []
  const pairs: Pairs = new Map()
  for (const word of countWords(texts, specials)) count(pairs, word, 1)
  while (tokens.length < vocabSize) {
    const best = mostFrequent(pairs)
    if (best === undefined) break
    const [left, right] = [Math.floor(best / 65_536), best % 65_536]
    merges.push(`${tokens[left]} ${tokens[right]}`)
    tokens.push(`${tokens[left]}${tokens[right]}`)
    for (const word of [...pairs.get(best)!.words]) {
      count(pairs, word, -1)
      replacePair(word.symbols, left, right, tokens.length - 1)
      count(pairs, word, 1)
    }
  }
  return { tokens, merges }
}

/** Adds a word's pairs, or with −1 takes them away. */
function count(pairs: Pairs, word: Word, sign: 1 | -1): void {
  for (let i = 1; i < word.symbols.length; i++) {
    const key = word.symbols[i - 1]! * 65_536 + word.symbols[i]!
    let pair = pairs.get(key)
    if (pair === undefined) {
      pair = { count: 0, words: new Set() }
      pairs.set(key, pair)
    }
    pair.count += sign * word.count
    if (sign > 0) pair.words.add(word)
    else pair.words.delete(word)
  }
}

function mostFrequent(pairs: Pairs): number | undefined {
  let best: number | undefined
  let most = 0
  for (const [key, pair] of pairs) {
    if (pair.count > most || (pair.count === most && most > 0 && key < best!)) {
      best = key
      most = pair.count
    }
  }
  return best
}

function countWords(texts: readonly string[], specials: readonly string[]): Word[] {
  const split = createSplitter('smollm')!
  const around = new RegExp(specials.map((text) => text.replace(/[|]/g, '\\$&')).join('|'), 'g')
  const counts = new Map<string, number>()
  for (const text of texts) {
    for (const piece of text.split(around)) {
      for (const word of split(piece)) counts.set(word, (counts.get(word) ?? 0) + 1)
    }
  }
  return [...counts].map(([text, count]) => {
    return { symbols: Array.from(textToBytes(text), (byte) => specials.length + byte), count }
  })
}

function replacePair(symbols: number[], left: number, right: number, whole: number): void {
  for (let i = 0; i + 1 < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) symbols.splice(i, 2, whole)
  }
}
