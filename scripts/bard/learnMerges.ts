/** Learns a byte-pair vocabulary: again and again the pair that comes most often becomes one token, of equal ones the pair of lowest tokens. */
import { textToBytes } from '@weightless/codec'
import { byteCharacters } from '@weightless/tensor/tokenizer/byteAlphabet'
import { createSplitter } from '@weightless/tensor/tokenizer/splitText'

type Word = { symbols: number[]; count: number }

/** @returns tokens (special ones, bytes, merged) and the merges in order, as GGUF has them */
export function learnMerges(
  texts: readonly string[],
  specials: readonly string[],
  vocabSize: number,
): { tokens: string[]; merges: string[] } {
  const tokens = [...specials, ...byteCharacters]
  const merges: string[] = []
  const words = countWords(texts, specials)
  while (tokens.length < vocabSize) {
    const best = mostFrequent(words)
    if (best === undefined) break
    const [left, right] = best
    merges.push(`${tokens[left]} ${tokens[right]}`)
    tokens.push(`${tokens[left]}${tokens[right]}`)
    for (const word of words) replacePair(word.symbols, left, right, tokens.length - 1)
  }
  return { tokens, merges }
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

function mostFrequent(words: readonly Word[]): [number, number] | undefined {
  const counts = new Map<number, number>()
  for (const { symbols, count } of words) {
    for (let i = 1; i < symbols.length; i++) {
      const key = symbols[i - 1]! * 65_536 + symbols[i]!
      counts.set(key, (counts.get(key) ?? 0) + count)
    }
  }
  let best: number | undefined
  for (const [key, count] of counts) {
    const most = best === undefined ? 0 : counts.get(best)!
    if (count > most || (count === most && key < best!)) best = key
  }
  return best === undefined ? undefined : [Math.floor(best / 65_536), best % 65_536]
}

function replacePair(symbols: number[], left: number, right: number, whole: number): void {
  for (let i = 0; i + 1 < symbols.length; i++) {
    if (symbols[i] === left && symbols[i + 1] === right) symbols.splice(i, 2, whole)
  }
}
