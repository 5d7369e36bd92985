/**
 * SentencePiece's BPE, as Llama 2, Mistral and Gemma have it: blanks become ▁, characters are merged to the pieces of highest score,
 * what is no piece becomes the tokens of its bytes. Spec: spec/tensor.md §6.5.
 */
import { textToBytes } from '@weightless/codec'
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import { type MergeRule, mergePairs } from './mergePairs.ts'
import { type TokenizerTables, tokenTypes } from './readTables.ts'

const blank = '▁'

/**
 * Appends the tokens of a text without special tokens; it is cut nowhere.
 * @throws {GgufInvalidError} for a vocabulary that has no token for some byte
 */
export function createPieceEncoder(tables: TokenizerTables): (text: string, out: number[]) => void {
  const ids = new Map(tables.tokens.map((text, id) => [text, id]))
  const byteTokens = Array.from({ length: 256 }, (_, byte) => {
    const token = ids.get(byteName(byte))
    if (token === undefined) throw new GgufInvalidError('a byte has no token', { name: byteName(byte) })
    return token
  })
  const ranks = ranksOf(tables.pieces!.scores)
  const longest = tables.tokens.reduce((most, text) => Math.max(most, text.length), 0)

  return (text, out) => {
    const strangers = new Map<string, number>()
    const textOf = (symbol: number) => (symbol >= 0 ? tables.tokens[symbol]! : strangerTexts[-1 - symbol]!)
    const strangerTexts: string[] = []
    // Characters that are no pieces are numbered from −1 down: with others they may make one.
    const symbols = Array.from(text.toWellFormed().replaceAll(' ', blank), (character) => {
      const known = ids.get(character) ?? strangers.get(character)
      if (known !== undefined) return known
      strangerTexts.push(character)
      strangers.set(character, -strangerTexts.length)
      return -strangerTexts.length
    })
    const tokenOf = (left: number, right: number) => {
      const [a, b] = [textOf(left), textOf(right)]
      return a.length + b.length > longest ? undefined : ids.get(a + b)
    }
    const rule: MergeRule = {
      rank(left, right) {
        const token = tokenOf(left, right)
        return token === undefined ? undefined : ranks[token]
      },
      merged: (left, right) => tokenOf(left, right)!,
    }
    for (const symbol of mergePairs(symbols, rule)) {
      if (symbol >= 0) out.push(symbol)
      else for (const byte of textToBytes(textOf(symbol))) out.push(byteTokens[byte]!)
    }
  }
}

const byteName = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`

/** Tokens by falling score; those of one score have one rank. */
function ranksOf(scores: Float64Array): Uint32Array {
  const order = Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!)
  const ranks = new Uint32Array(scores.length)
  for (let i = 1; i < order.length; i++) {
    const [before, token] = [order[i - 1]!, order[i]!]
    ranks[token] = ranks[before]! + Number(scores[token] !== scores[before])
  }
  return ranks
}

/** What a token stands for; nothing for control, unknown and unused tokens. */
export function pieceBytesOf(tables: TokenizerTables, token: number): Uint8Array {
  const text = tables.tokens[token] ?? ''
  switch (tables.types[token]) {
    case tokenTypes.normal:
      return textToBytes(text.replaceAll(blank, ' '))
    case tokenTypes.userDefined:
      return textToBytes(text)
    case tokenTypes.byte: {
      const [, digits] = /^<0x([0-9A-F]{2})>$/.exec(text) ?? []
      return digits === undefined ? new Uint8Array() : Uint8Array.of(Number(`0x${digits}`))
    }
    default:
      return new Uint8Array()
  }
}
