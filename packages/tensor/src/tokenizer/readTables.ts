/** What a model file says of its tokenizer, checked. Spec: spec/tensor.md §6. */
import { GgufInvalidError } from '../gguf/ggufInvalidError.ts'
import type { GgufValue } from '../gguf/ggufValue.ts'
import type { Gguf } from '../gguf/readGguf.ts'
import { preTokenizerNames, takesWholeWords } from './splitText.ts'

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
  /** Of vocabularies of pieces (model `llama`): by token its score, and whether a text begins with a blank of its own. */
  pieces?: { scores: Float64Array; spacePrefix: boolean }
}

/** Kinds of tokens, as GGUF numbers them. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const

const vocabMax = 2 ** 20

/** @throws {GgufInvalidError} when the file has no tokenizer of a known kind */
export function readTokenizerTables({ metadata }: Gguf): TokenizerTables {
  const model = metadata.get('tokenizer.ggml.model')
  if (model !== 'gpt2' && model !== 'llama') {
    throw new GgufInvalidError('its tokenizer is not of a supported kind (gpt2, llama)', { value: String(model) })
  }
  const tokens = textsOf(metadata, 'tokenizer.ggml.tokens')
  if (tokens.length === 0 || tokens.length > vocabMax) {
    throw new GgufInvalidError('its vocabulary has an impossible size', { value: tokens.length })
  }
  const types = numbersOf(metadata, 'token_type', tokens.length) ?? new Float64Array(tokens.length).fill(1)
  return model === 'gpt2' ? readWords(metadata, tokens, types) : readPieces(metadata, tokens, types)
}

type Metadata = Gguf['metadata']

function readWords(metadata: Metadata, tokens: readonly string[], types: Float64Array): TokenizerTables {
  const pre = preNameOf(metadata.get('tokenizer.ggml.pre'))
  const endToken = tokenIdOf(metadata, 'eos', tokens.length)
  return {
    ...{ model: 'gpt2', pre, tokens, types, endToken },
    merges: textsOf(metadata, 'tokenizer.ggml.merges'),
    beginToken: tokenIdOf(metadata, 'bos', tokens.length),
    stopTokens: stopsOf(metadata, endToken, tokens.length),
    addBegin: flagOf(metadata, 'add_bos_token', takesWholeWords(pre)),
  }
}

/** Where llama.cpp takes tokens 1 and 2 for begin and end if the file does not say, so do we. */
function readPieces(metadata: Metadata, tokens: readonly string[], types: Float64Array): TokenizerTables {
  const scores = numbersOf(metadata, 'scores', tokens.length)
  if (scores === undefined) throw new GgufInvalidError('a list of the tokenizer is missing', { name: 'scores' })
  if (!scores.every(Number.isFinite)) throw new GgufInvalidError('a score of the tokenizer is not finite')
  const endToken = tokenIdOf(metadata, 'eos', tokens.length, 2)
  const stops = stopsOf(metadata, endToken, tokens.length)
  // Files of Gemma that do not name it have it all the same.
  const turn = metadata.has('tokenizer.ggml.eot_token_id') ? -1 : tokens.indexOf('<end_of_turn>')
  return {
    ...{ model: 'llama', pre: 'default', tokens, types, endToken, merges: [] },
    beginToken: tokenIdOf(metadata, 'bos', tokens.length, 1),
    stopTokens: turn < 0 ? stops : [...new Set([...stops, turn])],
    addBegin: flagOf(metadata, 'add_bos_token', true),
    pieces: { scores, spacePrefix: flagOf(metadata, 'add_space_prefix', true) },
  }
}

function stopsOf(metadata: Metadata, endToken: number, vocabSize: number): number[] {
  const stops = [endToken, tokenIdOf(metadata, 'eot', vocabSize), tokenIdOf(metadata, 'eom', vocabSize)]
  return [...new Set(stops.filter((token) => token >= 0))]
}

function flagOf(metadata: Metadata, name: string, fallback: boolean): boolean {
  const value = metadata.get(`tokenizer.ggml.${name}`)
  return typeof value === 'boolean' ? value : fallback
}

/** A number for each token; undefined where the file has none. */
function numbersOf(metadata: Metadata, name: string, vocabSize: number): Float64Array | undefined {
  const values = metadata.get(`tokenizer.ggml.${name}`)
  if (values === undefined || (values instanceof Float64Array && values.length === vocabSize)) return values
  throw new GgufInvalidError('a list of the tokenizer does not match the tokens', { name })
}

function preNameOf(value: GgufValue | undefined): string {
  const name = value === undefined ? 'default' : String(value)
  if (preTokenizerNames.includes(name)) return name
  throw new GgufInvalidError('its pre-tokenizer is not supported', { value: name })
}

function textsOf(metadata: Metadata, name: string): readonly string[] {
  const value = metadata.get(name)
  if (Array.isArray(value)) return value
  throw new GgufInvalidError('a list of the tokenizer is missing', { name })
}

function tokenIdOf(metadata: Metadata, role: string, vocabSize: number, fallback?: number): number {
  const value = metadata.get(`tokenizer.ggml.${role}_token_id`) ?? fallback
  if (value === undefined) return -1
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < vocabSize) return value
  throw new GgufInvalidError('a special token is not in the vocabulary', { name: role, value: String(value) })
}
