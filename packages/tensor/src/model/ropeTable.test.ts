import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ropeAngles, ropeRows, sineCosine } from './ropeTable.ts'

test('sine and cosine agree with Math to 1e-11 over all positions', () => {
  for (let i = 0; i < 20_000; i++) {
    const angle = i * 0.6180339887
    const { sine, cosine } = sineCosine(angle)
    assert.ok(Math.abs(sine - Math.sin(angle)) < 1e-11, `sin ${angle}`)
    assert.ok(Math.abs(cosine - Math.cos(angle)) < 1e-11, `cos ${angle}`)
  }
})

test('angles are powers of the base', () => {
  for (const [rotated, base] of [
    [64, 100_000],
    [128, 500_000],
    [24, 10_000],
    [16, 1],
  ] as const) {
    const angles = ropeAngles(rotated, base)
    for (let pair = 0; pair < rotated / 2; pair++) {
      const exact = base ** ((-2 * pair) / rotated)
      assert.ok(Math.abs(angles[pair]! / exact - 1) < 1e-13, `${rotated} ${base} ${pair}`)
    }
  }
})

test('rows hold each cosine twice and the sine with both signs', () => {
  const { cosines, sines } = ropeRows(ropeAngles(4, 100), 3, 2)
  assert.deepEqual(
    Array.from(cosines.slice(4)),
    [4, 4, 0.4, 0.4].map((angle) => Math.fround(Math.cos(angle))),
  )
  assert.deepEqual(Array.from(sines.slice(4, 6)), [-Math.sin(4), Math.sin(4)].map(Math.fround))
})
