/** BERT's WordPiece tokenizer, read from a tokenizer.json. Spec: TENSOR §10.2 */
import { bytesToText } from '@weightless/codec'
import { createSha256 } from '@weightless/crypto'
import { EncoderInvalidError } from './encoderInvalidError.ts'
import { foldText, splitWords } from './foldText.ts'
import { unicodeVersion } from './unicodeFolds.generated.ts'

export type WordPiece = {
  vocabSize: number
  /** The tokens of a text between begin and end; stops once there are more than `tokensMax`, whose count says only that. */
  encode(text: string, tokensMax: number): number[]
  /** Given tokens between begin and end. */
  frame(tokens: readonly number[]): number[]
  root: Uint8Array
}

const vocabMax = 2 ** 20
const wordCharactersMax = 100

/** @throws {EncoderInvalidError} another kind of tokenizer, or a malformed one */
export function readWordPiece(file: Uint8Array): WordPiece {
  const json = parseObject(file)
  const model = recordOf(json.model, 'model')
  requireKind(json, model)
  const vocab = readVocab(model.vocab)
  const tokenOf = (text: unknown): number => {
    const token = typeof text === 'string' ? vocab.get(text) : undefined
    if (token === undefined) throw new EncoderInvalidError('its vocabulary lacks a token', { name: String(text) })
    return token
  }
  const unknown = tokenOf(model.unk_token)
  const [begin, end] = [tokenOf('[CLS]'), tokenOf('[SEP]')]
  const special = readSpecial(json.added_tokens, vocab)
  const longest = Math.max(...[...vocab.keys()].map((text) => [...text].length))
  const frame = (tokens: readonly number[]) => [begin, ...tokens, end]
  const isSpecial = special.length > 0 ? new RegExp(`(${special.map(escapeText).join('|')})`) : undefined

  function addText(tokens: number[], text: string, tokensMax: number): void {
    for (const word of splitWords(foldText(text))) {
      if (tokens.length > tokensMax) return
      tokens.push(...pieces(word))
    }
  }

  /** Greedy: the longest piece that the vocabulary has, then the rest; one without pieces is unknown as a whole. */
  function pieces(word: string): number[] {
    const characters = [...word]
    if (characters.length > wordCharactersMax) return [unknown]
    const found: number[] = []
    for (let start = 0; start < characters.length; ) {
      let end = Math.min(characters.length, start + longest)
      let token: number | undefined
      for (; end > start; end--) {
        const piece = characters.slice(start, end).join('')
        token = vocab.get(start === 0 ? piece : `##${piece}`)
        if (token !== undefined) break
      }
      if (token === undefined) return [unknown]
      found.push(token)
      start = end
    }
    return found
  }

  return {
    vocabSize: vocab.size,
    frame,
    encode(text, tokensMax) {
      const tokens: number[] = []
      // Odd parts are the special tokens that the text itself names.
      for (const [i, part] of (isSpecial ? text.split(isSpecial) : [text]).entries()) {
        if (i % 2 === 1) tokens.push(vocab.get(part)!)
        else addText(tokens, part, tokensMax)
        if (tokens.length > tokensMax) break
      }
      return frame(tokens)
    },
    root: rootOf(vocab, special, unknown),
  }
}

function requireKind(json: Record<string, unknown>, model: Record<string, unknown>): void {
  const normalizer = recordOf(json.normalizer, 'normalizer')
  const fits =
    (model.type === undefined || model.type === 'WordPiece') &&
    model.continuing_subword_prefix === '##' &&
    model.max_input_chars_per_word === wordCharactersMax &&
    normalizer.type === 'BertNormalizer' &&
    normalizer.lowercase === true &&
    normalizer.clean_text === true &&
    normalizer.handle_chinese_chars === true &&
    normalizer.strip_accents !== false &&
    recordOf(json.pre_tokenizer, 'pre_tokenizer').type === 'BertPreTokenizer'
  if (!fits) throw new EncoderInvalidError('its tokenizer is not the uncased WordPiece of BERT')
}

function readVocab(value: unknown): Map<string, number> {
  const entries = Object.entries(recordOf(value, 'vocab'))
  const seen = new Set<unknown>(entries.map(([, token]) => token))
  const isDense = entries.every(
    ([, token]) => Number.isInteger(token) && Number(token) >= 0 && Number(token) < entries.length,
  )
  if (entries.length === 0 || entries.length > vocabMax || !isDense || seen.size !== entries.length) {
    throw new EncoderInvalidError('its vocabulary is not a numbered list', { value: entries.length })
  }
  return new Map(entries as [string, number][])
}

/** Longest first, so that none hides another. */
function readSpecial(value: unknown, vocab: ReadonlyMap<string, number>): string[] {
  if (!Array.isArray(value)) return []
  const texts = value.slice(0, 1_024).map((entry) => recordOf(entry, 'added_tokens').content)
  const known = texts.filter((text): text is string => typeof text === 'string' && text !== '')
  for (const text of known) {
    if (!vocab.has(text)) throw new EncoderInvalidError('an added token is not in its vocabulary', { name: text })
  }
  return known.sort((a, b) => b.length - a.length || (a < b ? -1 : 1))
}

function rootOf(vocab: ReadonlyMap<string, number>, special: readonly string[], unknown: number): Uint8Array {
  const hash = createSha256()
  const utf8 = new TextEncoder()
  const put = (text: string) => hash.update(utf8.encode(`${text.length}:${text}`))
  put('weightless/wordpiece/1')
  put(`unicode ${unicodeVersion}`)
  put(`unknown ${unknown} word-characters ${wordCharactersMax}`)
  put(`special ${special.length}`)
  for (const text of special) put(text)
  const tokens = [...vocab].sort((a, b) => a[1] - b[1]).map(([text]) => `${text.length}:${text}`)
  put(`tokens ${tokens.length}`)
  put(tokens.join(''))
  return hash.digest()
}

function parseObject(file: Uint8Array): Record<string, unknown> {
  try {
    return recordOf(JSON.parse(bytesToText(file)), 'tokenizer.json')
  } catch (cause) {
    if (cause instanceof EncoderInvalidError) throw cause
    throw new EncoderInvalidError('its tokenizer is not JSON')
  }
}

function recordOf(value: unknown, name: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new EncoderInvalidError('a part is not an object', { name })
}

const escapeText = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&')
