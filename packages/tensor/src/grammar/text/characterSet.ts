/** Sets of code points as ranges, and those that patterns name. Spec: spec/tensor.md §7.3.1. */

/** Rising, apart from each other. */
export type CharacterSet = readonly (readonly [first: number, last: number])[]

export const codePointMax = 0x10ffff

export function setOf(...ranges: readonly (readonly [first: number, last: number])[]): CharacterSet {
  const sorted = ranges.toSorted((a, b) => a[0] - b[0])
  const joined: [number, number][] = []
  for (const [first, last] of sorted) {
    const before = joined.at(-1)
    if (before && first <= before[1] + 1) before[1] = Math.max(before[1], last)
    else joined.push([first, last])
  }
  return joined
}

export function complementOf(set: CharacterSet): CharacterSet {
  const others: [number, number][] = []
  let from = 0
  for (const [first, last] of set) {
    if (first > from) others.push([from, first - 1])
    from = last + 1
  }
  if (from <= codePointMax) others.push([from, codePointMax])
  return others
}

const digits = setOf([0x30, 0x39])
const words = setOf([0x30, 0x39], [0x41, 0x5a], [0x5f, 0x5f], [0x61, 0x7a])
/** ECMAScript's WhiteSpace and LineTerminator. */
const blanks = setOf(
  [0x09, 0x0d],
  [0x20, 0x20],
  [0xa0, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
  [0xfeff, 0xfeff],
)

/** What `\d` and the like stand for, by their letter. */
export const namedSets: Readonly<Record<string, CharacterSet>> = {
  d: digits,
  D: complementOf(digits),
  w: words,
  W: complementOf(words),
  s: blanks,
  S: complementOf(blanks),
}

/** `.`: no line terminator. */
export const anyInLine = complementOf(setOf([0x0a, 0x0a], [0x0d, 0x0d], [0x2028, 0x2029]))
