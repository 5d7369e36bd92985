/** The tokenizer a model file carries: words of bytes, or pieces, and special tokens. Spec: spec/tensor.md §6. */
import type { Gguf } from '../gguf/readGguf.ts'
import { createPieceEncoder, pieceBytesOf } from './pieceTokens.ts'
import { readTokenizerTables, type TokenizerTables, tokenTypes } from './readTables.ts'
import { createSpecialFinder } from './specialTokens.ts'
import { createWordEncoder, wordBytesOf } from './wordTokens.ts'

export type Tokenizer = {
  vocabSize: number
  /** What the root commits to. */
  tables: TokenizerTables
  /** Tokens of a text. Texts of special tokens in it become those tokens unless `special` is false. */
  encode(text: string, options?: { special?: boolean }): number[]
  /** Bytes of one token; none for a control token or an id out of range. */
  tokenBytes(token: number): Uint8Array
  decode(tokens: readonly number[]): string
  /** Turns tokens that come one by one into text without breaking characters. */
  createDecoder(): TokenDecoder
  /** Text of the token as the vocabulary has it, e.g. `<|im_end|>`. */
  tokenText(token: number): string
  isStop(token: number): boolean
}

export type TokenDecoder = {
  /** The characters completed by this token, perhaps none. */
  push(token: number): string
  /** What is left, with U+FFFD for a broken character. */
  flush(): string
}

/** @throws {GgufInvalidError} when the file has no tokenizer of a known kind */
export function readTokenizer(gguf: Gguf): Tokenizer {
  return createTokenizer(readTokenizerTables(gguf))
}

/** @throws {GgufInvalidError} for merges that the vocabulary has not, or bytes without a token */
export function createTokenizer(tables: TokenizerTables): Tokenizer {
  const appendPlain = tables.pieces ? createPieceEncoder(tables) : createWordEncoder(tables)
  const findSpecials = createSpecialFinder(specialsOf(tables))
  const stops = new Set(tables.stopTokens)
  const tokenBytes = (token: number) => (tables.pieces ? pieceBytesOf : wordBytesOf)(tables, token)
  const prefix = tables.pieces?.spacePrefix ? ' ' : ''

  return {
    vocabSize: tables.tokens.length,
    tables,
    encode(text, { special = true } = {}) {
      const out: number[] = []
      let before = prefix
      for (const piece of special ? findSpecials(text) : text === '' ? [] : [text]) {
        if (typeof piece === 'number') out.push(piece)
        else appendPlain(before + piece, out)
        // A text begins anew behind a special token.
        before = typeof piece === 'number' ? prefix : ''
      }
      return out
    },
    tokenBytes,
    decode(tokens) {
      const decoder = createTokenDecoder(tokenBytes)
      return tokens.map((token) => decoder.push(token)).join('') + decoder.flush()
    },
    createDecoder: () => createTokenDecoder(tokenBytes),
    tokenText: (token) => tables.tokens[token] ?? '',
    isStop: (token) => stops.has(token),
  }
}

/** Of vocabularies of pieces the unknown token is one too, as llama.cpp has it. */
function specialsOf({ tokens, types, pieces }: TokenizerTables): Map<string, number> {
  const special: number[] = [tokenTypes.control, tokenTypes.userDefined, ...(pieces ? [tokenTypes.unknown] : [])]
  return new Map(tokens.flatMap((text, id) => (special.includes(types[id]!) ? [[text, id] as const] : [])))
}

function createTokenDecoder(tokenBytes: (token: number) => Uint8Array): TokenDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    push: (token) => decoder.decode(tokenBytes(token), { stream: true }),
    flush: () => decoder.decode(),
  }
}
