/** The tokenizer a model file carries: GPT-2 style byte-level BPE with special tokens. Spec: spec/tensor.md §6. */
import { textToBytes } from '@weightless/codec'
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'
import type { Gguf } from '../gguf/readGguf.ts'
import { byteCharacters, characterBytes } from './byteAlphabet.ts'
import { type MergeTable, mergePairs, pairKey } from './mergePairs.ts'
import { createSplitter, preTokenizerNames, takesWholeWords } from './splitText.ts'

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

export type TokenizerTables = {
  model: string
  pre: string
  tokens: readonly string[]
  types: Float64Array
  merges: readonly string[]
  beginToken: number
  endToken: number
  stopTokens: readonly number[]
  addBegin: boolean
}

const controlType = 3
const userDefinedType = 4
const cachedWordsMax = 20_000
const vocabMax = 2 ** 20

/** @throws {GgufInvalidError} when the file has no tokenizer of a known kind */
export function readTokenizer(gguf: Gguf): Tokenizer {
  return createTokenizer(readTokenizerTables(gguf))
}

/** @throws {GgufInvalidError} when the file has no tokenizer of a known kind */
export function readTokenizerTables({ metadata }: Gguf): TokenizerTables {
  const model = metadata.get('tokenizer.ggml.model')
  if (model !== 'gpt2') {
    throw new GgufInvalidError('its tokenizer is not of a supported kind (gpt2)', { value: String(model) })
  }
  const pre = preNameOf(metadata.get('tokenizer.ggml.pre'))
  const tokens = textsOf(metadata, 'tokenizer.ggml.tokens')
  if (tokens.length === 0 || tokens.length > vocabMax) {
    throw new GgufInvalidError('its vocabulary has an impossible size', { value: tokens.length })
  }
  const types = metadata.get('tokenizer.ggml.token_type')
  if (types !== undefined && !(types instanceof Float64Array && types.length === tokens.length)) {
    throw new GgufInvalidError('token types do not match the tokens')
  }
  const addBegin = metadata.get('tokenizer.ggml.add_bos_token')
  const endToken = tokenIdOf(metadata, 'eos', tokens.length)
  const stops = [endToken, tokenIdOf(metadata, 'eot', tokens.length), tokenIdOf(metadata, 'eom', tokens.length)]
  return {
    model,
    pre,
    tokens,
    types: types ?? new Float64Array(tokens.length).fill(1),
    merges: textsOf(metadata, 'tokenizer.ggml.merges'),
    beginToken: tokenIdOf(metadata, 'bos', tokens.length),
    endToken,
    stopTokens: [...new Set(stops.filter((token) => token >= 0))],
    addBegin: typeof addBegin === 'boolean' ? addBegin : takesWholeWords(pre),
  }
}

function preNameOf(value: GgufValue | undefined): string {
  const name = value === undefined ? 'default' : String(value)
  if (preTokenizerNames.includes(name)) return name
  throw new GgufInvalidError('its pre-tokenizer is not supported', { value: name })
}

function textsOf(metadata: ReadonlyMap<string, GgufValue>, name: string): readonly string[] {
  const value = metadata.get(name)
  if (Array.isArray(value)) return value
  throw new GgufInvalidError('a list of the tokenizer is missing', { name })
}

function tokenIdOf(metadata: ReadonlyMap<string, GgufValue>, role: string, vocabSize: number): number {
  const value = metadata.get(`tokenizer.ggml.${role}_token_id`)
  if (value === undefined) return -1
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabSize) return value
  throw new GgufInvalidError('a special token is not in the vocabulary', { name: role, value: String(value) })
}

export function createTokenizer(tables: TokenizerTables): Tokenizer {
  const ids = new Map(tables.tokens.map((text, id) => [text, id]))
  const byteTokens = byteCharacters.map((character) => ids.get(character) ?? -1)
  const split = createSplitter(tables.pre)!
  const wholeWords = takesWholeWords(tables.pre)
  const merges = buildMerges(tables.merges, ids)
  const words = new Map<string, readonly number[]>()
  const specials = new Map(
    tables.tokens.flatMap((text, id) => (isSpecial(tables.types[id]!) && text !== '' ? [[text, id] as const] : [])),
  )
  const specialPattern = patternOf([...specials.keys()])
  const stops = new Set(tables.stopTokens)
  const tokenBytes = (token: number) => bytesOfToken(tables, token)

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

  function appendPlain(text: string, out: number[]): void {
    if (text === '') return
    for (const word of split(text)) for (const token of encodeWord(word)) out.push(token)
  }

  return {
    vocabSize: tables.tokens.length,
    tables,
    encode(text, options = {}) {
      const out: number[] = []
      let end = 0
      if (options.special !== false && specialPattern !== undefined) {
        for (const match of text.matchAll(specialPattern)) {
          appendPlain(text.slice(end, match.index), out)
          out.push(specials.get(match[0])!)
          end = match.index + match[0].length
        }
      }
      appendPlain(text.slice(end), out)
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

function isSpecial(type: number): boolean {
  return type === controlType || type === userDefinedType
}

function patternOf(texts: string[]): RegExp | undefined {
  if (texts.length === 0) return undefined
  const escaped = texts
    .sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
  return new RegExp(escaped.join('|'), 'g')
}

function buildMerges(lines: readonly string[], ids: ReadonlyMap<string, number>): MergeTable {
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
  return { ranks, merged }
}

function bytesOfToken(tables: TokenizerTables, token: number): Uint8Array {
  const text = tables.tokens[token]
  const type = tables.types[token]
  if (text === undefined || type === controlType) return new Uint8Array()
  if (type === userDefinedType) return textToBytes(text)
  const bytes: number[] = []
  for (const character of text) {
    const byte = characterBytes.get(character)
    if (byte !== undefined) bytes.push(byte)
    else bytes.push(...textToBytes(character))
  }
  return Uint8Array.from(bytes)
}

function createTokenDecoder(tokenBytes: (token: number) => Uint8Array): TokenDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  return {
    push: (token) => decoder.decode(tokenBytes(token), { stream: true }),
    flush: () => decoder.decode(),
  }
}
