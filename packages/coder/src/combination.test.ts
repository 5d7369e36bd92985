import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createCoderKernel } from './coderKernel.ts'
import { challengeOf, combineRows } from './combineRows.ts'
import {
  coordinates,
  type Element,
  elementToBytes,
  extensionPolynomial,
  multiplicationMatrix,
  multiplyElements,
} from './extensionField.ts'
import { invert, multiply } from './field.ts'
import { slowCombine } from './testing/slowCombine.ts'

const shape = { dataRows: 4, parityRows: 2 }
const challenge = challengeOf(shape, 1024, new Uint8Array(32).fill(9))

describe('extension field', () => {
  it('is one: its polynomial is irreducible (Rabin)', () => {
    // x^(q^8) = x, and x^(q^4) - x has no common factor with the polynomial; q = 2^16, 2 is the only prime that divides 8.
    let power: Element = Uint16Array.of(0, 1, 0, 0, 0, 0, 0, 0)
    let half = power
    for (let squarings = 1; squarings <= 128; squarings++) {
      power = multiplyElements(power, power)
      if (squarings === 64) half = power.slice()
    }
    assert.deepEqual(power, Uint16Array.of(0, 1, 0, 0, 0, 0, 0, 0))
    half[1]! ^= 1
    assert.equal(degreeOfGcd([...extensionPolynomial, 1], [...half]), 0)
    assert.notEqual(degreeOfGcd([0, 0, 0, 0, 0, 0, 0, 0, 1], [0, 1]), 0)
  })

  it('multiplies by matrix as by polynomials', () => {
    const a = Uint16Array.of(1, 2, 300, 4, 5000, 6, 7, 65535)
    const rows = multiplicationMatrix(challenge)
    const sum = new Uint16Array(coordinates)
    for (const [i, row] of rows.entries()) for (let c = 0; c < coordinates; c++) sum[c]! ^= multiply(a[i]!, row[c]!)
    assert.deepEqual(sum, multiplyElements(a, challenge))
    assert.deepEqual(multiplyElements(challenge, a), multiplyElements(a, challenge))
  })
})

describe('combination', () => {
  for (const kind of ['plain', 'relaxed'] as const) {
    it(`of the ${kind} kernel is that of the definition`, () => {
      const coder = { kernel: createCoderKernel(kind), engine: undefined }
      for (const length of [1, 40, 64, 448, 512, 1000, 32_768, 33_024]) {
        const row = Uint8Array.from({ length }, (_, i) => (i * i + length) >> 3)
        assert.deepEqual(
          combineRows(challenge, [row], coder),
          elementToBytes(slowCombine(row, Math.ceil(length / 64) * 64, challenge)),
        )
      }
    })
  }

  it('changes with each bit of a row, and with all that the challenge is made of', () => {
    const combine = (row: Uint8Array) => combineRows(challenge, [row])
    const row = Uint8Array.from({ length: 1024 }, (_, i) => i * 7)
    const whole = combine(row)
    for (let bit = 0; bit < 8192; bit += 97) {
      const other = row.slice()
      other[bit >> 3]! ^= 1 << (bit & 7)
      assert.notDeepEqual(combine(other), whole)
    }
    const root = new Uint8Array(32).fill(9)
    const others = [
      challengeOf({ ...shape, dataRows: 5 }, 1024, root),
      challengeOf({ ...shape, parityRows: 3 }, 1024, root),
      challengeOf(shape, 1088, root),
      challengeOf(shape, 1024, new Uint8Array(32).fill(8)),
    ]
    for (const other of others) assert.notDeepEqual(other, challenge)
  })
})

/** Polynomials as coefficients from x^0. */
function degreeOfGcd(a: number[], b: number[]): number {
  const degree = (p: number[]) => p.findLastIndex((c) => c !== 0)
  let [big, small] = [a, b]
  while (degree(small) >= 0) {
    for (let d = degree(big); d >= degree(small); d = degree(big)) {
      const factor = multiply(big[d]!, invert(small[degree(small)]!))
      for (let i = 0; i <= degree(small); i++) big[d - degree(small) + i]! ^= multiply(factor, small[i]!)
    }
    ;[big, small] = [small, big]
  }
  return degree(big)
}
