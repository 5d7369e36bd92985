/** A regular expression of the subset that can be decided exactly, as a tree. Spec: spec/tensor.md §7.3.1. */
import { SchemaUnsupportedError } from '../schemaError.ts'
import { anyInLine, type CharacterSet, complementOf, namedSets, setOf } from './characterSet.ts'

export type Pattern =
  | { kind: 'set'; set: CharacterSet }
  | { kind: 'sequence'; items: readonly Pattern[] }
  | { kind: 'choice'; items: readonly Pattern[] }
  | { kind: 'repeat'; item: Pattern; min: number; max: number }
  /** The place before the first character, or behind the last. */
  | { kind: 'begin' }
  | { kind: 'end' }

/** A text obeys if the pattern is found in it, or, `isAbsent`, is not. */
export type Search = { pattern: Pattern; isAbsent: boolean }

export const patternLimits = { characters: 1_024, groups: 32, count: 1_000 }

const single: Readonly<Record<string, number>> = { t: 0x09, n: 0x0a, v: 0x0b, f: 0x0c, r: 0x0d, '0': 0 }

/** All that a text must obey: the pattern, and the lookaheads that it begins with. @throws {SchemaUnsupportedError} */
export function parsePattern(text: string, at: string): Search[] {
  const characters = [...text]
  const reader: Reader = { characters, position: 0, groups: 0, at }
  const searches: Search[] = []
  const looksAhead = isNext(reader, '^(?=', '^(?!')
  if (looksAhead) reader.position++
  while (looksAhead && isNext(reader, '(?=', '(?!')) {
    const isAbsent = characters[reader.position + 2] === '!'
    reader.position += 3
    searches.push({ pattern: { kind: 'sequence', items: [{ kind: 'begin' }, readGroup(reader)] }, isAbsent })
  }
  const rest = readChoice(reader)
  if (reader.position < characters.length) refusePattern(at, "has a ')' too many")
  if (searches.length === 0) return [{ pattern: rest, isAbsent: false }]
  if (rest.kind === 'choice') refusePattern(at, "has a lookahead beside '|'")
  return [...searches, { pattern: { kind: 'sequence', items: [{ kind: 'begin' }, rest] }, isAbsent: false }]
}

type Reader = { characters: readonly string[]; position: number; groups: number; at: string }

function isNext({ characters, position }: Reader, ...texts: readonly string[]): boolean {
  return texts.some((text) => [...text].every((character, i) => characters[position + i] === character))
}

function take(reader: Reader, text: string): boolean {
  const found = isNext(reader, text)
  if (found) reader.position += text.length
  return found
}

function readChoice(reader: Reader): Pattern {
  const items = [readSequence(reader)]
  while (take(reader, '|')) items.push(readSequence(reader))
  return items.length === 1 ? items[0]! : { kind: 'choice', items }
}

function readSequence(reader: Reader): Pattern {
  const items: Pattern[] = []
  while (reader.position < reader.characters.length && !isNext(reader, '|', ')')) items.push(readCounted(reader))
  return { kind: 'sequence', items }
}

function readCounted(reader: Reader): Pattern {
  const item = readAtom(reader)
  const count = readCount(reader)
  if (!count) return item
  if (item.kind === 'begin' || item.kind === 'end') refusePattern(reader.at, 'counts a place')
  // Lazy or not, the same texts are found.
  take(reader, '?')
  return { kind: 'repeat', item, ...count }
}

function readCount(reader: Reader): { min: number; max: number } | undefined {
  if (take(reader, '*')) return { min: 0, max: Infinity }
  if (take(reader, '+')) return { min: 1, max: Infinity }
  if (take(reader, '?')) return { min: 0, max: 1 }
  if (!isNext(reader, '{')) return undefined
  const rest = reader.characters.slice(reader.position, reader.position + 16).join('')
  const found = /^\{(\d{1,4})(,(\d{1,4})?)?\}/.exec(rest)
  if (!found) return refusePattern(reader.at, "has a '{' that is no count")
  reader.position += found[0].length
  const min = Number(found[1])
  const max = found[3] !== undefined ? Number(found[3]) : found[2] === undefined ? min : Infinity
  if (Math.max(min, max === Infinity ? 0 : max) > patternLimits.count) {
    refusePattern(reader.at, `has a count above ${patternLimits.count}`)
  }
  return max < min ? refusePattern(reader.at, 'has a count that ends before it begins') : { min, max }
}

function readAtom(reader: Reader): Pattern {
  if (take(reader, '^')) return { kind: 'begin' }
  if (take(reader, '$')) return { kind: 'end' }
  if (take(reader, '.')) return { kind: 'set', set: anyInLine }
  if (take(reader, '(')) return readGroupStart(reader)
  if (take(reader, '[')) return { kind: 'set', set: readClass(reader) }
  const character = reader.characters[reader.position++]!
  if (character === '\\') return { kind: 'set', set: readEscape(reader, false) }
  if ('*+?{}]'.includes(character)) refusePattern(reader.at, `has a '${character}' with nothing before it`)
  return { kind: 'set', set: one(character.codePointAt(0)!) }
}

function readGroupStart(reader: Reader): Pattern {
  if (take(reader, '?')) {
    const name = /^<[A-Za-z_$][\w$]*>/.exec(reader.characters.slice(reader.position, reader.position + 64).join(''))
    if (name) reader.position += name[0].length
    else if (!take(reader, ':')) refusePattern(reader.at, 'looks ahead or behind in its middle')
  }
  return readGroup(reader)
}

/** What is left of a group, with its end. */
function readGroup(reader: Reader): Pattern {
  if (++reader.groups > patternLimits.groups) refusePattern(reader.at, `nests more than ${patternLimits.groups} groups`)
  const inner = readChoice(reader)
  reader.groups--
  return take(reader, ')') ? inner : refusePattern(reader.at, "lacks a ')'")
}

function readClass(reader: Reader): CharacterSet {
  const isOther = take(reader, '^')
  const ranges: (readonly [number, number])[] = []
  while (!take(reader, ']')) {
    const from = readMember(reader)
    if (!isNext(reader, '-') || reader.characters[reader.position + 1] === ']') ranges.push(...from)
    else {
      reader.position++
      const [first, last] = [singleOf(from), singleOf(readMember(reader))]
      if (first === undefined || last === undefined || last < first) {
        return refusePattern(reader.at, 'has a range that is none')
      }
      ranges.push([first, last])
    }
  }
  const set = setOf(...ranges)
  return isOther ? complementOf(set) : set
}

const singleOf = (set: CharacterSet): number | undefined =>
  set.length === 1 && set[0]![0] === set[0]![1] ? set[0]![0] : undefined

function readMember(reader: Reader): CharacterSet {
  const character = reader.characters[reader.position++]
  if (character === undefined) return refusePattern(reader.at, "lacks a ']'")
  return character === '\\' ? readEscape(reader, true) : one(character.codePointAt(0)!)
}

/** What stands behind a backslash. */
function readEscape(reader: Reader, isInClass: boolean): CharacterSet {
  const character = reader.characters[reader.position++]
  if (character === undefined) return refusePattern(reader.at, "ends in '\\'")
  if (Object.hasOwn(namedSets, character)) return namedSets[character]!
  if (isInClass && character === 'b') return one(0x08)
  if (Object.hasOwn(single, character)) {
    const isOctal = character === '0' && /\d/.test(reader.characters[reader.position] ?? '')
    return isOctal ? refusePattern(reader.at, 'has an octal escape') : one(single[character]!)
  }
  const rest = reader.characters.slice(reader.position, reader.position + 10).join('')
  const hex = character === 'x' ? /^([0-9A-Fa-f]{2})/ : /^(?:([0-9A-Fa-f]{4})|\{([0-9A-Fa-f]{1,6})\})/
  const found = character === 'x' || character === 'u' ? hex.exec(rest) : null
  if (found) {
    const code = Number.parseInt(found[1] ?? found[2]!, 16)
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) refusePattern(reader.at, 'names half a character')
    reader.position += found[0].length
    return one(code)
  }
  if (/[A-Za-z0-9]/.test(character)) return refusePattern(reader.at, `has '\\${character}', which is not supported`)
  return one(character.codePointAt(0)!)
}

const one = (code: number): CharacterSet => [[code, code]]

export function refusePattern(at: string, reason: string): never {
  throw new SchemaUnsupportedError({ at, reason })
}
