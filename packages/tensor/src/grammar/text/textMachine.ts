/** The inside of a JSON string whose text obeys a table, every character in the one way that `JSON.stringify` writes it. Spec: spec/tensor.md §7.3.1. */
import type { Machine } from '../machine.ts'
import { dead, type TextTable } from './textTable.ts'

/** Behind `\`. */
const short = new Map<number, number>(
  Object.entries({ '"': 0x22, '\\': 0x5c, b: 0x08, f: 0x0c, n: 0x0a, r: 0x0d, t: 0x09 }).map(([letter, code]) => [
    letter.charCodeAt(0),
    code,
  ]),
)
const isShort = new Set(short.values())
const long = Array.from({ length: 0x20 }, (_, code) => code).filter((code) => !isShort.has(code))
const longTexts = new Map(long.map((code) => [`u${code.toString(16).padStart(4, '0')}`, code]))
/** The least code point of a character of so many bytes. */
const leasts = [0, 0, 0x80, 0x800, 0x10000]

/**
 * States: `s` between characters, `s\…` in an escape, `s:length:left:bits` in a character of UTF-8.
 *
 * @param id - names the language among those of one builder
 */
export function createTextMachine(id: string, table: TextTable): Machine {
  const { starts, kinds, kindCount, next, isEnd } = table

  function follow(state: number, code: number): string | undefined {
    const to = next[state * kindCount + kinds[intervalOf(starts, code)]!]!
    return to === dead ? undefined : `${to}`
  }

  function canFollow(state: number, first: number, last: number): boolean {
    for (let i = intervalOf(starts, first); i < starts.length && starts[i]! <= last; i++) {
      if (next[state * kindCount + kinds[i]!] !== dead) return true
    }
    return false
  }

  function stepEscape(state: number, begun: string, byte: number): string | undefined {
    const code = begun === '' ? short.get(byte) : undefined
    if (code !== undefined) return follow(state, code)
    const text = begun + String.fromCharCode(byte)
    const whole = longTexts.get(text)
    if (whole !== undefined) return follow(state, whole)
    const isOpen = [...longTexts].some(([one, of]) => one.startsWith(text) && follow(state, of) !== undefined)
    return isOpen ? `${state}\\${text}` : undefined
  }

  function stepWide(state: number, length: number, left: number, bits: number): string | undefined {
    if (left === 0) return bits < leasts[length]! || bits > 0x10ffff ? undefined : follow(state, bits)
    const first = Math.max(bits * 64 ** left, leasts[length]!)
    const last = Math.min((bits + 1) * 64 ** left - 1, 0x10ffff)
    return first <= last && canFollow(state, first, last) ? `${state}:${length}:${left}:${bits}` : undefined
  }

  function stepBetween(state: number, byte: number): string | undefined {
    if (byte === 0x22 || byte < 0x20) return undefined
    if (byte === 0x5c) {
      const isOpen = [...short.values(), ...long].some((code) => follow(state, code) !== undefined)
      return isOpen ? `${state}\\` : undefined
    }
    if (byte < 0x80) return follow(state, byte)
    if (byte < 0xc2 || byte > 0xf4) return undefined
    const length = byte < 0xe0 ? 2 : byte < 0xf0 ? 3 : 4
    return stepWide(state, length, length - 1, byte & (0x7f >> length))
  }

  return {
    id,
    start: '0',
    step(at, byte) {
      const slash = at.indexOf('\\')
      if (slash >= 0) return stepEscape(Number(at.slice(0, slash)), at.slice(slash + 1), byte)
      const [state, length, left, bits] = at.split(':').map(Number)
      if (length === undefined) return stepBetween(state!, byte)
      return (byte & 0xc0) === 0x80 ? stepWide(state!, length, left! - 1, bits! * 64 + (byte & 0x3f)) : undefined
    },
    isEnd: (at) => isEnd[Number(at)] === 1,
  }
}

/** The last interval that begins at `code` or before. */
function intervalOf(starts: Uint32Array, code: number): number {
  let [low, high] = [0, starts.length - 1]
  while (low < high) {
    const middle = (low + high + 1) >>> 1
    if (starts[middle]! <= code) low = middle
    else high = middle - 1
  }
  return low
}
