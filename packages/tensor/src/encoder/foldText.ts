/**
 * BERT's normaliser and word splitter, one character at a time from committed tables, so that every JavaScript engine splits
 * a text alike. Spec: TENSOR §10.2
 */
import { spaceRanges } from '../tokenizer/unicodeRanges.generated.ts'
import { controlRanges, folds, markRanges, punctuationRanges } from './unicodeFolds.generated.ts'

/** What a character becomes; a missing one stays as it is. */
const folded = new Map<number, string>()
const spaces = new Set<number>()
const punctuation = new Set<number>()

fillTables()

/**
 * Lower-cased, without accents and control characters, white space as blanks, every ideograph between blanks. At most
 * three times as many characters as the text, and two blanks for each ideograph.
 */
export function foldText(text: string): string {
  let result = ''
  for (const character of text) {
    const code = character.codePointAt(0)!
    const to = folded.get(code) ?? (isHangul(code) ? splitHangul(code) : character)
    result += isIdeograph(code) ? ` ${to} ` : to
  }
  return result
}

/** The words of a folded text: what lies between blanks, and every punctuation character alone. */
export function* splitWords(text: string): Iterable<string> {
  let word = ''
  for (const character of text) {
    const code = character.codePointAt(0)!
    const isMark = punctuation.has(code)
    if (!isMark && !spaces.has(code)) {
      word += character
      continue
    }
    if (word !== '') yield word
    word = ''
    if (isMark) yield character
  }
  if (word !== '') yield word
}

function fillTables(): void {
  for (const code of codesOf(markRanges)) folded.set(code, '')
  for (const code of codesOf(controlRanges)) folded.set(code, '')
  for (const run of folds.split(' ')) {
    const [, first, count, step, to] = /^([0-9a-f]+)(?:\+(\d+)(?:\*(\d))?)?:(.*)$/.exec(run)!
    const codes = to!.split(',').map((code) => Number.parseInt(code, 16))
    for (let i = 0; i < Number(count ?? 1); i++) {
      const shift = i * Number(step ?? 1)
      const target = codes.length === 1 ? [codes[0]! + shift] : codes
      folded.set(Number.parseInt(first!, 16) + shift, String.fromCodePoint(...target))
    }
  }
  for (const code of codesOf(spaceRanges)) {
    spaces.add(code)
    // Line feeds of other kinds are control characters: BERT drops them.
    if (folded.get(code) !== '' || code === 9 || code === 10 || code === 13) folded.set(code, ' ')
  }
  for (const code of codesOf(punctuationRanges)) punctuation.add(code)
  // BERT takes all signs of ASCII for punctuation, as `$` and `^`.
  for (const [from, to] of [
    [33, 47],
    [58, 64],
    [91, 96],
    [123, 126],
  ] as const) {
    for (let code = from; code <= to; code++) punctuation.add(code)
  }
  folded.set(0xfffd, '')
  // A lone half of a pair is no character.
  for (let code = 0xd800; code <= 0xdfff; code++) folded.set(code, '')
}

function* codesOf(ranges: string): Iterable<number> {
  for (const range of ranges.split(' ')) {
    const [from, to = from] = range.split('-').map((code) => Number.parseInt(code, 16))
    for (let code = from!; code <= to!; code++) yield code
  }
}

function isHangul(code: number): boolean {
  return code >= 0xac00 && code <= 0xd7a3
}

/** A syllable as its two or three letters: Unicode's arithmetic. */
function splitHangul(code: number): string {
  const index = code - 0xac00
  const last = index % 28
  const letters = [0x1100 + Math.floor(index / 588), 0x1161 + Math.floor((index % 588) / 28)]
  return String.fromCodePoint(...letters, ...(last === 0 ? [] : [0x11a7 + last]))
}

const ideographs = [
  [0x4e00, 0x9fff],
  [0x3400, 0x4dbf],
  [0x20000, 0x2a6df],
  [0x2a700, 0x2b73f],
  [0x2b740, 0x2b81f],
  [0x2b920, 0x2ceaf],
  [0xf900, 0xfaff],
  [0x2f800, 0x2fa1f],
] as const

function isIdeograph(code: number): boolean {
  return code >= 0x3400 && ideographs.some(([from, to]) => code >= from && code <= to)
}
