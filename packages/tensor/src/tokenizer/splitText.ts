/**
 * Pre-tokenizers: the regular expressions that cut a text into words before byte-pair merging, by the name in
 * `tokenizer.ggml.pre`. Character classes come from committed tables, never from the engine's own Unicode version.
 */
import { punctuationRanges } from '../encoder/unicodeFolds.generated.ts'
import { letterRanges, numberRanges, spaceRanges } from './unicodeRanges.generated.ts'

const L = classOf(letterRanges)
const N = classOf(numberRanges)
const P = classOf(punctuationRanges)
const S = classOf(spaceRanges)

const inGaps = `'s|'t|'re|'ve|'m|'ll|'d| ?[${L}]+| ?[${N}]+| ?[^${S}${L}${N}]+|[${S}]+(?![^${S}])`
const gpt2 = `${inGaps}|[${S}]+`
const contractions = "'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]"

function llama3(digits: string): string {
  const words = `[^\\r\\n${L}${N}]?[${L}]+|[${N}]${digits}`
  return `${contractions}|${words}| ?[^${S}${L}${N}]+[\\r\\n]*|[${S}]*[\\r\\n]+|[${S}]+(?![^${S}])|[${S}]+`
}

/** Each expression is applied to every piece the one before left. */
const expressions: ReadonlyMap<string, readonly string[]> = new Map([
  ['gpt-2', [gpt2]],
  ['smollm', [`[${N}]`, gpt2]],
  ['llama-bpe', [llama3('{1,3}')]],
  ['qwen2', [llama3('')]],
  // llama.cpp's, for files that name none.
  ['default', [`[${P}$+<=>^~|]+`, inGaps, `[${N}]+`, '[0-9][0-9][0-9]']],
])

export const preTokenizerNames: readonly string[] = [...expressions.keys()]

/** Whether a word that is a token becomes it, whatever the merges make of it; and a text begins with the begin token, unless the file says otherwise. */
export const takesWholeWords = (name: string): boolean => name === 'llama-bpe'

/** Returns the splitter for a pre-tokenizer, or undefined when its name is not known. */
export function createSplitter(name: string): ((text: string) => string[]) | undefined {
  const patterns = expressions.get(name)?.map((source) => new RegExp(source, 'gu'))
  if (patterns === undefined) return undefined
  return (text) => patterns.reduce((pieces, pattern) => pieces.flatMap((piece) => isolate(piece, pattern)), [text])
}

/** Matches become pieces of their own; so does what lies between them. */
function isolate(text: string, pattern: RegExp): string[] {
  const pieces: string[] = []
  let end = 0
  for (const match of text.matchAll(pattern)) {
    if (match.index > end) pieces.push(text.slice(end, match.index))
    if (match[0].length > 0) pieces.push(match[0])
    end = match.index + match[0].length
  }
  if (end < text.length) pieces.push(text.slice(end))
  return pieces
}

function classOf(ranges: string): string {
  return ranges
    .split(' ')
    .map((range) =>
      range
        .split('-')
        .map((code) => `\\u{${code}}`)
        .join('-'),
    )
    .join('')
}
