/**
 * Numbers between bounds and multiples of a number, as decimal text without exponent: exactly, by whole numbers of the
 * smallest place. Spec: spec/tensor.md §7.3.2.
 */
import type { Machine } from './machine.ts'

/** Digits of a number, before and after its point together. */
export const digitsMax = 15
/** All arithmetic is in units of 10^−15. */
const places = digitsMax

export type NumberRange = {
  /** Digits after the point at most; 0 for whole numbers. */
  fraction: number
  /** In units of 10^−15. */
  min: bigint
  max: bigint
  /** In units of 10^−15; undefined: any. */
  multipleOf: bigint | undefined
}

/** States: what was written. Undefined where there is no such number. */
export function createNumberMachine(range: NumberRange): Machine | undefined {
  const { fraction, min, max, multipleOf } = range
  const id = `number ${fraction} ${min} ${max} ${multipleOf ?? ''}`

  /** Whether a number from `first` on, less than `first + size`, is one of the language; `least` is its smallest place. */
  function holds(isNegative: boolean, first: bigint, size: bigint, least: bigint): boolean {
    const step = multipleOf === undefined ? least : lcm(least, multipleOf)
    let [low, high] = isNegative ? [-(first + size - least), -first] : [first, first + size - least]
    if (low < min) low = min
    if (high > max) high = max
    // 0 has no sign.
    if (isNegative && high > -1n) high = -1n
    return floorDiv(high, step) * step >= low
  }

  /** Whether a number of the language begins so. */
  function isOpen({ isNegative, whole, after }: Begun): boolean {
    const left = digitsMax - whole.length - (after?.length ?? 0)
    if (after !== undefined) {
      const more = Math.min(left, fraction - after.length)
      if (more < 0 || (after === '' && more === 0)) return false
      return holds(isNegative, unitsOf(whole, after), unit(after.length), unit(after.length + more))
    }
    // After a 0 no digit follows; a number has one at least.
    for (let digits = whole === '' ? 1 : 0; digits <= (whole === '0' ? 0 : left); digits++) {
      const scale = 10n ** BigInt(digits)
      const least = unit(Math.min(fraction, left - digits))
      if (holds(isNegative, unitsOf(whole) * scale, scale * unit(0), least)) return true
    }
    return false
  }

  /** Whether every number that begins so lies between the bounds. */
  function isFree({ isNegative, whole, after }: Begun): boolean {
    if (multipleOf !== undefined || whole === '' || (isNegative && whole === '0')) return false
    const left = after !== undefined || whole === '0' ? 0 : digitsMax - whole.length
    const value = unitsOf(whole, after)
    const beyond = (value + unit(after?.length ?? 0)) * 10n ** BigInt(left)
    return isNegative ? -beyond >= min && -value <= max : value >= min && beyond <= max
  }

  const machine: Machine = {
    id,
    start: '',
    step(state, byte) {
      const isAnyway = state.startsWith(free)
      const text = (isAnyway ? state.slice(1) : state) + String.fromCharCode(byte)
      const begun = readBegun(text)
      if (!begun) return undefined
      if (!isAnyway && !isFree(begun)) return isOpen(begun) ? text : undefined
      const { whole, after } = begun
      const more = digitsMax - whole.length - (after?.length ?? 0)
      const isShort = more >= 0 && (after?.length ?? 0) <= fraction
      if (!isShort || (after === '' && (fraction === 0 || more === 0))) return undefined
      // What the digits are no longer matters.
      const point = after === undefined ? '' : `.${'1'.repeat(after.length)}`
      return free + (whole === '0' ? '0' : '1'.repeat(whole.length)) + point
    },
    isEnd(state) {
      if (!/[0-9]$/.test(state)) return false
      const begun = readBegun(state)
      return begun === undefined || holds(begun.isNegative, unitsOf(begun.whole, begun.after), 1n, 1n)
    },
  }
  const isPossible = [false, true].some((isNegative) => isOpen({ isNegative, whole: '', after: undefined }))
  return isPossible ? machine : undefined
}

/** Begins a state from which on only the count of digits matters; no sign stands behind it. */
const free = '*'

type Begun = { isNegative: boolean; whole: string; after: string | undefined }

/** The beginning of a number; undefined where none begins so. */
function readBegun(text: string): Begun | undefined {
  const found = /^(-?)(0|[1-9][0-9]*|)(?:(?<=[0-9])\.([0-9]*))?$/.exec(text)
  return found ? { isNegative: found[1] === '-', whole: found[2]!, after: found[3] } : undefined
}

const unitsOf = (whole: string, after = ''): bigint => BigInt(whole + after || '0') * unit(after.length)

/** One in the place `digits` after the point. */
const unit = (digits: number): bigint => 10n ** BigInt(places - digits)

function floorDiv(a: bigint, b: bigint): bigint {
  const quotient = a / b
  return quotient * b > a ? quotient - 1n : quotient
}

/** The least common multiple of two positive numbers. */
export function lcm(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b]
  while (y !== 0n) [x, y] = [y, x % y]
  return (a / x) * b
}

/** A double as JSON writes it, in units of 10^−15, rounded down or up where it has smaller places. */
export function scaled(value: number, round: 'down' | 'up'): { units: bigint; isExact: boolean } {
  const [, sign = '', whole = '', after = '', exponent = '0'] = /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]\d+))?$/.exec(
    String(value),
  )!
  const digits = BigInt(sign + whole + after)
  const shift = places - after.length + Number(exponent)
  if (shift >= 0) return { units: digits * 10n ** BigInt(shift), isExact: true }
  const divisor = 10n ** BigInt(-shift)
  const low = floorDiv(digits, divisor)
  const isExact = low * divisor === digits
  return { units: isExact || round === 'down' ? low : low + 1n, isExact }
}
