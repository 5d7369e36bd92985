/**
 * TOPLOC (arXiv 2501.16007): the largest of many numbers as one polynomial of 258 bytes, which tells near numbers from
 * others without showing where they were. Pure; the numbers are a model's activations, or probabilities. Spec: spec/fingerprint.md §2
 */
import { bytesToUint, concatBytes, uintToBytes } from '@weightless/codec'
import { evaluate, interpolate, prime } from './primeField.ts'

/** Numbers that a print holds; it has 2 + 2 × as many bytes. */
export const printValues = 128
/** Published; below, residues would be likely to meet. */
const modulusMin = 32_768

export type PrintErrors = {
  /** Of the values, those whose exponents differ. */
  exponentMismatches: number
  /** Of the others: differences of the 7 bits of mantissa; Infinity where there are none. */
  mantissaMean: number
  mantissaMedian: number
}

/** As published for bfloat16 activations; a print of other numbers has bounds of its own. */
export const activationBounds: PrintErrors = { exponentMismatches: 38, mantissaMean: 10, mantissaMedian: 8 }

/**
 * @param values - at least one; NaN counts as 0
 * @param count - how many are taken, 128 as published
 * @returns modulus and coefficients, 16 bits each, big-endian; all zero where no modulus tells the places apart
 */
export function makePrint(values: Float32Array, count = printValues): Uint8Array {
  const places = largest(values, count)
  const modulus = findModulus(places)
  if (modulus === 0) return new Uint8Array(2 + 2 * places.length)
  const x = places.map((place) => place % modulus)
  const y = places.map((place) => bfloat16Bits(values[place]!) % prime)
  return concatBytes([modulus, ...interpolate(x, y)].map((word) => uintToBytes(BigInt(word), 2)))
}

/**
 * Compares a print with one's own numbers, at the places where these are largest.
 *
 * @returns undefined for bytes that are no print of so many values
 */
export function comparePrint(print: Uint8Array, values: Float32Array): PrintErrors | undefined {
  const count = (print.length - 2) / 2
  if (!Number.isInteger(count) || count < 1 || count > values.length) return undefined
  const word = (index: number): number => Number(bytesToUint(print.subarray(2 * index, 2 * index + 2)))
  const modulus = word(0)
  if (modulus <= modulusMin || modulus > prime) return undefined
  const coefficients = new Uint16Array(count)
  for (let i = 0; i < count; i++) coefficients[i] = word(i + 1)
  const mantissas: number[] = []
  for (const place of largest(values, count)) {
    const [own, told] = [bfloat16Bits(values[place]!), evaluate(coefficients, place % modulus)]
    if (exponentOf(own) === exponentOf(told)) mantissas.push(Math.abs((own & 0x7f) - (told & 0x7f)))
  }
  const sum = mantissas.reduce((total, error) => total + error, 0)
  return {
    exponentMismatches: count - mantissas.length,
    mantissaMean: mantissas.length === 0 ? Number.POSITIVE_INFINITY : sum / mantissas.length,
    mantissaMedian: medianOf(mantissas),
  }
}

/** Whether no error is above its bound. */
export function isWithin(errors: PrintErrors, bounds: PrintErrors): boolean {
  return (
    errors.exponentMismatches <= bounds.exponentMismatches &&
    errors.mantissaMean <= bounds.mantissaMean &&
    errors.mantissaMedian <= bounds.mantissaMedian
  )
}

/** The largest modulus that leaves all places different; 0 where there is none. */
export function findModulus(places: readonly number[]): number {
  for (let modulus = prime; modulus > modulusMin; modulus--) {
    if (new Set(places.map((place) => place % modulus)).size === places.length) return modulus
  }
  return 0
}

/** Rounded to nearest, ties to even. */
export function bfloat16Bits(value: number): number {
  if (Number.isNaN(value)) return 0
  const bits = new Uint32Array(Float32Array.of(value).buffer)[0]!
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff
}

const exponentOf = (bits: number): number => (bits >> 7) & 0xff

/** Places of the largest amounts, the first among equals. */
function largest(values: Float32Array, count: number): number[] {
  const places = Array.from(values.keys())
  const amount = (place: number): number => Math.abs(values[place]!) || 0
  return places.sort((a, b) => amount(b) - amount(a) || a - b).slice(0, count)
}

/** Of an even number the mean of the two in the middle. */
function medianOf(numbers: readonly number[]): number {
  if (numbers.length === 0) return Number.POSITIVE_INFINITY
  const sorted = numbers.toSorted((a, b) => a - b)
  const half = sorted.length >> 1
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2
}
