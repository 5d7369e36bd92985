import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createArena } from '../kernels/loadKernels.ts'
import { logprobsOf } from './logprobs.ts'
import { naturalLog } from './naturalLog.ts'
import { drawWords, philox4x32 } from './philox.ts'
import { sampleToken } from './sampleToken.ts'

const arena = await createArena()

function place(logits: readonly number[]) {
  const padded = Math.ceil(logits.length / 4) * 4
  const address = arena.allocate(padded * 4)
  const row = arena.floats(address, logits.length)
  row.set(logits)
  return { row, weights: arena.allocate(padded * 4) }
}

function seedOf(index: number): Uint8Array {
  const seed = new Uint8Array(32)
  new DataView(seed.buffer).setUint32(0, index, true)
  return seed
}

test('Philox gives the known answers of Random123', () => {
  assert.deepEqual(philox4x32([0, 0, 0, 0], [0, 0]), [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8])
  const ones = 0xffffffff
  assert.deepEqual(philox4x32([ones, ones, ones, ones], [ones, ones]), [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd])
  assert.deepEqual(
    philox4x32([0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344], [0xa4093822, 0x299f31d0]),
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  )
})

test('every bit of the seed and the index change the draw', () => {
  const base = drawWords(new Uint8Array(32), 0)
  assert.notDeepEqual(drawWords(new Uint8Array(32), 1), base)
  for (let bit = 0; bit < 256; bit++) {
    const seed = new Uint8Array(32)
    seed[bit >> 3] = 1 << (bit & 7)
    assert.notDeepEqual(drawWords(seed, 0), base, `bit ${bit}`)
  }
})

test('greedy takes the largest, ties to the lowest token', () => {
  const { row, weights } = place([1, 5, -2, 5, 0])
  assert.equal(sampleToken(arena, row, weights, { temperature: 0, topP: 1, seed32: seedOf(1) }, 0).token, 1)
})

test('frequencies are those of the softmax within four standard deviations', () => {
  const logits = [2, 1, 0, -1, -3, 0.5, 1.5]
  const { row, weights } = place(logits)
  for (const temperature of [0.5, 1, 1.7]) {
    const mass = logits.map((value) => Math.exp(value / temperature))
    const total = mass.reduce((sum, value) => sum + value, 0)
    const counts = logits.map(() => 0)
    const draws = 8000
    for (let i = 0; i < draws; i++) {
      counts[sampleToken(arena, row, weights, { temperature, topP: 1, seed32: seedOf(3) }, i).token]!++
    }
    mass.forEach((value, token) => {
      const p = value / total
      const deviation = Math.abs(counts[token]! - draws * p) / Math.sqrt(draws * p * (1 - p))
      assert.ok(deviation < 4, `token ${token} at ${temperature}: ${deviation} standard deviations`)
    })
  }
})

test('top-p keeps the fewest likeliest tokens, ties to the lowest, as a plain sort does', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: -40, max: 40 }), { minLength: 1, maxLength: 40 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.nat(1000),
      fc.constantFrom(0.05, 0.3, 1),
      (tenths, topP, seed, temperature) => {
        const { row, weights } = place(tenths.map((value) => value / 10))
        const sample = sampleToken(arena, row, weights, { temperature, topP, seed32: seedOf(seed) }, 0)
        const mass = Array.from(arena.words(weights, row.length))
        const order = mass.map((_, token) => token).sort((a, b) => mass[b]! - mass[a]! || a - b)
        const needed = topP * mass.reduce((sum, value) => sum + value, 0)
        let kept = 0
        let sum = 0
        while (kept < order.length && (kept === 0 || sum < needed)) sum += mass[order[kept++]!]!
        const view = new DataView(sample.record.buffer)
        if (topP < 1) {
          assert.deepEqual([view.getUint32(4, true), view.getFloat64(8, true)], [kept, sum])
          assert.ok(order.slice(0, kept).includes(sample.token))
        }
        // The draw by hand: the kept tokens in order of tokens.
        const [high, low] = drawWords(seedOf(seed), 0)
        const target = ((high * 2 ** 21 + (low >>> 11)) / 2 ** 53) * sum
        let walked = 0
        let expected = -1
        for (const token of order.slice(0, kept).sort((a, b) => a - b)) {
          if (walked > target) break
          walked += mass[token]!
          expected = token
        }
        assert.equal(sample.token, expected)
      },
    ),
    { numRuns: 300 },
  )
})

test('logarithm and log-probabilities agree with Math to 1e-6', () => {
  for (const value of [1e-300, 1e-9, 0.1, 0.5, 0.71, 1, 1.5, 2, 10, 12345.678, 1e200]) {
    assert.ok(
      Math.abs(naturalLog(value) - Math.log(value)) <= 1e-14 * Math.max(1, Math.abs(Math.log(value))),
      `${value}`,
    )
  }
  const logits = [2, 1, 0, -1, -3, 0.5, 1.5]
  const { row, weights } = place(logits)
  const total = Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0))
  const { logprob, top } = logprobsOf(arena, row, weights, 3, 2)
  assert.ok(Math.abs(logprob - (-1 - total)) < 1e-6)
  assert.deepEqual(
    top.map(({ token }) => token),
    [0, 6],
  )
})
