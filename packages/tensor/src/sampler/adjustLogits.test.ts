/** Changed logits against the formulas written one token at a time. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { createArena } from '../kernels/loadKernels.ts'
import { createAdjuster } from './adjustLogits.ts'

const arena = await createArena()
const vocabSize = 70
const room = arena.allocate(Math.ceil(vocabSize / 4) * 16)
const address = arena.allocate(Math.ceil(vocabSize / 4) * 16)
const token = fc.nat(vocabSize - 1)
const f32 = Math.fround

test('bias, then frequency, then presence, each rounded to f32; what a grammar forbids is out', () => {
  fc.assert(
    fc.property(
      fc.array(fc.float({ noNaN: true, min: -40, max: 40 }), { minLength: vocabSize, maxLength: vocabSize }),
      fc.uniqueArray(fc.tuple(token, fc.double({ min: -100, max: 100, noNaN: true })), { selector: ([id]) => id }),
      fc.double({ min: -2, max: 2, noNaN: true }),
      fc.double({ min: -2, max: 2, noNaN: true }),
      fc.array(token, { maxLength: 60 }),
      fc.option(fc.array(token, { minLength: 1 }), { nil: undefined }),
      (values, logitBias, presencePenalty, frequencyPenalty, answer, allowed) => {
        const logits = arena.floats(address, vocabSize)
        logits.set(values)
        const adjuster = createAdjuster(arena, room, { presencePenalty, frequencyPenalty, logitBias })
        for (const id of answer) adjuster.push(id)
        const bits = new Uint32Array(Math.ceil(vocabSize / 32))
        for (const id of allowed ?? []) bits[id >>> 5]! |= 1 << (id & 31)
        const adjusted = adjuster.adjust(logits, allowed && bits)
        const biases = new Map(logitBias)
        const expected = values.map((value, id) => {
          if (allowed && !allowed.includes(id)) return Number.NEGATIVE_INFINITY
          const count = answer.filter((other) => other === id).length
          const biased = f32(f32(value) + f32(biases.get(id) ?? 0))
          if (count === 0) return biased
          return f32(f32(biased - f32(count * f32(frequencyPenalty))) - f32(presencePenalty))
        })
        assert.deepEqual(
          Array.from(adjusted, (value) => value + 0),
          expected.map((value) => value + 0),
        )
        assert.deepEqual(
          Array.from(logits),
          values.map((value) => f32(value)),
        )
      },
    ),
    { numRuns: 200 },
  )
})

test('without changes the logits are those of the model, not a copy', () => {
  const logits = arena.floats(address, vocabSize)
  const adjuster = createAdjuster(arena, room, {})
  adjuster.push(3)
  assert.equal(adjuster.adjust(logits), logits)
})
