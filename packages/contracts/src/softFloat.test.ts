/** SoftFloat in the EVM against the arithmetic of the machine, which is IEEE 754 as well. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import {
  binary32,
  binary64,
  bitsOfDouble,
  bitsOfSingle,
  corners,
  createDraw,
  doubleOf,
  drawNumber,
  drawPair,
  type Format,
  singleOf,
} from '../scripts/floatOperands.ts'
import { type Harness, openHarness } from '../scripts/openHarness.ts'

const ofInteger = (value: number | bigint): bigint => BigInt.asUintN(64, BigInt(value))

const single = { format: binary32, read: singleOf, write: bitsOfSingle }
const double = { format: binary64, read: doubleOf, write: bitsOfDouble }

const nearestEven = (x: number): number => {
  const [low, rest] = [Math.floor(x), x - Math.floor(x)]
  const up = rest > 0.5 || (rest === 0.5 && low % 2 !== 0)
  return up ? (low + 1 === 0 && x < 0 ? -0 : low + 1) : low
}

/** What the machine says of two numbers; undefined where the contract has to refuse. */
type Expected = (a: bigint, b: bigint) => bigint | undefined
const numbers =
  ({ read, write }: typeof single, operation: (x: number, y: number) => number): Expected =>
  (a, b) => {
    const bits = write(operation(read(a), read(b)))
    return Number.isFinite(read(bits)) ? bits : undefined
  }

const binary: readonly [number, string, Format, Expected][] = [
  [1, 'add32', binary32, numbers(single, (x, y) => x + y)],
  [2, 'sub32', binary32, numbers(single, (x, y) => x - y)],
  [3, 'mul32', binary32, numbers(single, (x, y) => x * y)],
  [4, 'div32', binary32, numbers(single, (x, y) => x / y)],
  [6, 'less32', binary32, (a, b) => (singleOf(a) < singleOf(b) ? 1n : 0n)],
  [7, 'max32', binary32, numbers(single, (x, y) => (x < y ? y : x))],
  [8, 'min32', binary32, numbers(single, (x, y) => (y < x ? y : x))],
  [16, 'add64', binary64, numbers(double, (x, y) => x + y)],
  [17, 'sub64', binary64, numbers(double, (x, y) => x - y)],
  [18, 'mul64', binary64, numbers(double, (x, y) => x * y)],
  [19, 'div64', binary64, numbers(double, (x, y) => x / y)],
  [21, 'less64', binary64, (a, b) => (doubleOf(a) < doubleOf(b) ? 1n : 0n)],
]

const unary: readonly [number, string, Format, Expected][] = [
  [5, 'sqrt32', binary32, numbers(single, Math.sqrt)],
  [9, 'nearestEven32', binary32, numbers(single, nearestEven)],
  [13, 'widen32', binary32, (a) => bitsOfDouble(singleOf(a))],
  [14, 'narrow64', binary64, (a) => ofFinite(Math.fround(doubleOf(a)))],
  [20, 'sqrt64', binary64, numbers(double, Math.sqrt)],
]

const ofFinite = (value: number): bigint | undefined => (Number.isFinite(value) ? bitsOfSingle(value) : undefined)

const cases = 20_000
/** Each refusal is a call of its own. */
const refusalsMax = 200

describe('SoftFloat', () => {
  let harness: Harness
  before(async () => {
    harness = await openHarness('FloatHarness')
  })

  for (const [operation, name, format, expected] of binary) {
    it(`${name} is the machine's on ${cases} pairs and on all pairs of corners`, () => {
      const draw = createDraw(operation)
      const pairs = Array.from({ length: cases }, () => drawPair(draw, format))
      const ends = corners(format)
      for (const a of ends) for (const b of ends) pairs.push([a, b])
      compare(harness, operation, pairs, expected)
    })
  }

  for (const [operation, name, format, expected] of unary) {
    it(`${name} is the machine's on ${cases} numbers and on the corners`, () => {
      const draw = createDraw(operation)
      const numbers = [...corners(format), ...Array.from({ length: cases }, () => drawNumber(draw, format))]
      compare(harness, operation, pairOff(numbers), expected)
    })
  }

  it('widens every half that is finite, and refuses the others', () => {
    const halves = Array.from({ length: 65_536 }, (_, bits) => BigInt(bits))
    compare(harness, 12, pairOff(halves), (a) => {
      const [field, fraction] = [(Number(a) >> 10) & 31, Number(a) & 1023]
      if (field === 31) return undefined
      const size = field === 0 ? fraction * 2 ** -24 : (fraction + 1024) * 2 ** (field - 25)
      return bitsOfSingle(a >> 15n ? -size : size)
    })
  })

  it('rounds integers as the machine does', () => {
    const draw = createDraw(7)
    const integers = Array.from({ length: cases }, (_, i) => {
      const wide = (BigInt(draw()) << 32n) | BigInt(draw())
      return i % 3 === 0 ? wide : ofInteger((BigInt.asIntN(64, wide) >> BigInt(draw() % 60)) | BigInt(draw() & 1))
    })
    // `Number` of an integer rounds once, but to 53 bits: its 32-bit value is found from a number that keeps what is cut off
    compare(harness, 10, pairOff(integers), (a) => bitsOfSingle(oddNumber(BigInt.asIntN(64, a))))
    compare(harness, 22, pairOff(integers), (a) => bitsOfDouble(Number(BigInt.asIntN(64, a))))
  })

  it('gives the nearest integer and the one below', () => {
    const draw = createDraw(8)
    const tied = Array.from({ length: cases }, (_, i) => {
      const half = (draw() % 4096) / 2 - 1024
      return i % 2 === 0 ? half : (draw() - 2 ** 31) / 2 ** (draw() % 33)
    })
    const singles = [...tied.map(bitsOfSingle), ...corners(binary32)].filter(
      (bits) => Math.abs(singleOf(bits)) < 2 ** 62,
    )
    compare(harness, 11, pairOff(singles), (a) => ofInteger(nearestEven(singleOf(a))))
    const doubles = [...tied.map(bitsOfDouble), ...corners(binary64)].filter(
      (bits) => Math.abs(doubleOf(bits)) < 2 ** 62,
    )
    compare(harness, 23, pairOff(doubles), (a) => ofInteger(Math.floor(doubleOf(a))))
    const tooLarge = harness.call('run', 23n, pack([[bitsOfDouble(2 ** 63), 0n]]))
    assert.deepEqual(tooLarge, { ok: false, error: 'NumberTooLarge' })
  })

  it('refuses infinities and NaN as operands', () => {
    const [one, infinity, nan] = [0x3f800000n, 0x7f800000n, 0xffc00001n]
    for (const operation of [1, 2, 3, 4, 6, 7, 8]) {
      for (const bad of [infinity, nan]) {
        for (const pair of [
          [one, bad],
          [bad, one],
          [0n, bad],
          [bad, bad],
        ] as const) {
          const called = harness.call('run', BigInt(operation), pack([pair]))
          assert.deepEqual(called, { ok: false, error: 'NotFinite' }, `${operation} of ${pair}`)
        }
      }
    }
    for (const operation of [5, 9, 11, 13]) {
      assert.deepEqual(harness.call('run', BigInt(operation), pack([[infinity, 0n]])), {
        ok: false,
        error: 'NotFinite',
      })
    }
    for (const operation of [14, 16, 17, 18, 19, 20, 21, 23]) {
      const called = harness.call('run', BigInt(operation), pack([[0x7ff0000000000000n, 0x3ff0000000000000n]]))
      assert.deepEqual(called, { ok: false, error: 'NotFinite' }, `${operation}`)
    }
  })
})

/** Runs all that has a result in one call, and a share of what has none one by one. */
function compare(
  harness: Harness,
  operation: number,
  pairs: readonly (readonly [bigint, bigint])[],
  expected: Expected,
): void {
  const finite: { pair: readonly [bigint, bigint]; result: bigint }[] = []
  const refused: (readonly [bigint, bigint])[] = []
  for (const pair of pairs) {
    const result = expected(...pair)
    if (result === undefined) refused.push(pair)
    else finite.push({ pair, result })
  }
  const packed = harness.must('run', BigInt(operation), pack(finite.map(({ pair }) => pair))) as string
  for (const [i, { pair, result }] of finite.entries()) {
    const got = packed.slice(2 + 16 * i, 18 + 16 * i)
    if (got === hex64(result)) continue
    assert.fail(`operation ${operation} of ${pair.map(hex64).join(' ')}: ${got} and not ${hex64(result)}`)
  }
  const step = Math.max(1, Math.ceil(refused.length / refusalsMax))
  for (let i = 0; i < refused.length; i += step) {
    const called = harness.call('run', BigInt(operation), pack([refused[i]!]))
    assert.deepEqual(
      called,
      { ok: false, error: 'NotFinite' },
      `operation ${operation} of ${refused[i]!.map(hex64).join(' ')}`,
    )
  }
}

const hex64 = (bits: bigint): string => bits.toString(16).padStart(16, '0')
const pack = (pairs: readonly (readonly [bigint, bigint])[]): `0x${string}` =>
  `0x${pairs.map(([a, b]) => hex64(a) + hex64(b)).join('')}`
const pairOff = (values: readonly bigint[]): [bigint, bigint][] => values.map((value) => [value, 0n])

/** A number of 53 bits that rounds to 24 bits as the integer does: what is cut off sets the lowest bit. */
function oddNumber(value: bigint): number {
  const size = value < 0n ? -value : value
  const cut = BigInt(Math.max(0, size.toString(2).length - 40))
  const kept = (size >> cut) | ((size & ((1n << cut) - 1n)) === 0n ? 0n : 1n)
  return Number(value < 0n ? -kept : kept) * 2 ** Number(cut)
}
