import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areFinite } from './finite.ts'
import { guessOf, turnOf } from './turns.ts'

test('a step that is not finite is not hidden by the next', () => {
  const rule = { kind: 'guess', base: 10_000, degree: 8 } as const
  // The slope is 0 at 0, and infinite where the last guess is large: the lesser of two guesses would be finite.
  assert.ok(Number.isNaN(guessOf(rule, 1, () => 0)))
  assert.ok(Number.isNaN(guessOf({ ...rule, degree: 2 }, 1, () => 1e308)))
  assert.ok(guessOf(rule, 1, () => 1) < 1)
  const turn = { kind: 'turn', angle: 0, pairs: 1, position: 2 } as const
  for (const angle of [-1, -0, 2 ** 61, Number.POSITIVE_INFINITY]) assert.ok(Number.isNaN(turnOf(turn, 0, angle)))
  assert.ok(Number.isFinite(turnOf(turn, 0, 2 ** 60)))
})

test('words are finite by what they stand for', () => {
  const bits = Uint32Array.of(0x7f800000, 0x7f800000)
  assert.equal(areFinite({ kind: 'add', x: 0, y: 0 }, bits, 0), false)
  assert.equal(areFinite({ kind: 'power', guess: 0 }, bits, 0), true)
  assert.equal(areFinite({ kind: 'power', guess: 0 }, Uint32Array.of(0, 0xfff00000), 0), false)
  assert.equal(areFinite({ kind: 'quantise', x: 0 }, bits, 0), true)
})
