/** TOPLOC's code against its published checks, and its properties: near numbers agree, others do not. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { evaluate, interpolate, prime } from './primeField.ts'
import { activationBounds, bfloat16Bits, comparePrint, findModulus, isWithin, makePrint } from './toploc.ts'

const seed = Number(process.env.WEIGHTLESS_SEED ?? 7)

/** Evenly from 0 to 1. */
function drawsFrom(start: number): () => number {
  let state = start >>> 0
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

/** Activations have heavy tails: a normal number, sometimes ten times as large. */
function activations(draw: () => number, count = 576): Float32Array {
  return Float32Array.from({ length: count }, () => {
    const normal = Math.sqrt(-2 * Math.log(draw() + 1e-9)) * Math.cos(2 * Math.PI * draw())
    return draw() < 0.02 ? normal * 10 : normal
  })
}

describe('TOPLOC', () => {
  test('a polynomial has its published value', () => {
    const x = 42
    assert.equal(evaluate(Uint16Array.of(1, 2, 3, 4), x), (1 + 2 * x + 3 * x ** 2 + 4 * x ** 3) % 65_497)
  })

  test('the published points round-trip, and 128 drawn ones', () => {
    const draw = drawsFrom(seed)
    const drawn = Array.from({ length: 128 }, (_, i) => [
      i * 511 + Math.floor(draw() * 511),
      Math.floor(draw() * prime),
    ])
    const cases = [
      [
        [1, 4],
        [2, 5],
        [3, 6],
      ],
      [
        [1, 1],
        [3, 5],
        [5, 4],
        [2, 1],
      ],
      drawn,
    ]
    for (const points of cases) {
      const polynomial = interpolate(
        points.map(([x]) => x!),
        points.map(([, y]) => y!),
      )
      for (const [x, y] of points) assert.equal(evaluate(polynomial, x!), y)
    }
  })

  test('a number is rounded as bfloat16 is', () => {
    const cases: [number, number][] = [
      [1, 0x3f80],
      [-2, 0xc000],
      [4, 0x4080],
      [1 + 2 ** -8, 0x3f80],
      [1 + 3 * 2 ** -8, 0x3f82],
      [0, 0],
    ]
    for (const [value, bits] of cases) assert.equal(bfloat16Bits(value), bits, String(value))
  })

  test('the modulus is the largest that keeps places apart', () => {
    assert.equal(findModulus([1, 2, 3]), prime)
    assert.equal(findModulus([0, prime]), prime - 1)
    assert.equal(findModulus([5, 5]), 0)
  })

  test('a print has 258 bytes, and agrees with its own numbers entirely', () => {
    const values = activations(drawsFrom(seed))
    const print = makePrint(values)
    assert.equal(print.length, 258)
    assert.deepEqual(comparePrint(print, values), { exponentMismatches: 0, mantissaMean: 0, mantissaMedian: 0 })
  })

  test('one per cent is agreement; ten per cent, other signs of life or a shuffle are not', () => {
    const draw = drawsFrom(seed + 1)
    const values = activations(draw)
    const print = makePrint(values)
    const changed = (change: (value: number, i: number) => number) => comparePrint(print, values.map(change))!
    assert.ok(
      isWithin(
        changed((value) => value * (1 + 0.01 * (draw() - 0.5))),
        activationBounds,
      ),
    )
    assert.ok(
      !isWithin(
        changed((value) => value * 1.15),
        activationBounds,
      ),
    )
    assert.ok(
      !isWithin(
        changed((_, i) => values[(i * 5) % values.length]!),
        activationBounds,
      ),
    )
    assert.equal(changed((value) => value * 4).exponentMismatches, 128)
    assert.ok(!isWithin(comparePrint(print, activations(draw))!, activationBounds))
  })

  test('bytes that are no print are told, and a null print is none', () => {
    const values = activations(drawsFrom(seed))
    for (const length of [0, 1, 2, 259, 258 * 5]) assert.equal(comparePrint(new Uint8Array(length), values), undefined)
    assert.equal(comparePrint(new Uint8Array(258), values), undefined)
    assert.equal(comparePrint(makePrint(values).fill(0xff, 0, 2), values), undefined)
  })
})
