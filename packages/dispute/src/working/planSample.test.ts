/** The choice of a token written out number by number is the engine's choice. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { createArena } from '@weightless/tensor/kernels/loadKernels'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { createAdjuster } from '@weightless/tensor/sampler/adjustLogits'
import { sampleToken } from '@weightless/tensor/sampler/sampleToken'
import fc from 'fast-check'
import { doubleWords } from '../numbers/words.ts'
import { openProbe } from '../referee/probeJob.cases.ts'
import { borderlineChoices, makeSampleCase } from '../referee/sampleCase.cases.ts'
import { drawUnit } from './drawUnit.ts'
import type { Draw } from './rules.ts'

const rounds = process.env.WEIGHTLESS_HEAVY === '1' ? 1000 : 60

describe('a choice written out', () => {
  let graph: Graph
  let arena: Awaited<ReturnType<typeof createArena>>
  before(async () => {
    ;[graph, arena] = [(await openProbe()).graph, await createArena()]
  })

  function agree(logits: Float32Array, draw: Draw, name: string, said: readonly number[] = []): void {
    const bytes = Math.ceil(logits.length / 4) * 16
    const [weights, place, room] = [arena.allocate(bytes), arena.allocate(bytes), arena.allocate(bytes)]
    const row = arena.floats(place, logits.length)
    row.set(logits)
    const { record } = sampleToken(arena, adjustedRow(row, room, draw, said), weights, draw, draw.index)
    const made = makeSampleCase(graph, logits, draw, said).record
    assert.equal(bytesToHex(made), bytesToHex(record), `${name}: ${JSON.stringify({ ...draw, count: logits.length })}`)
  }

  function adjustedRow(row: Float32Array, room: number, { adjust }: Draw, said: readonly number[]): Float32Array {
    if (!adjust) return row
    const { presence, frequency, bias } = adjust
    const adjustments = { presencePenalty: presence, frequencyPenalty: frequency, logitBias: bias }
    const adjuster = createAdjuster(arena, room, adjustments)
    for (const token of said) adjuster.push(token)
    return adjuster.adjust(row)
  }

  const seedOf = (index: number) => Uint8Array.from({ length: 32 }, (_, i) => (i * 31 + index * 7 + 1) & 0xff)

  for (const { name, logits, draw } of borderlineChoices()) {
    test(`is the engine's: ${name}`, () => {
      for (let index = 0; index < 8; index++) agree(logits, { ...draw, seed32: seedOf(index), index }, name)
    })
  }

  test("is the engine's for any logits, temperature and share", () => {
    const choice = fc.record({
      count: fc.constantFrom(1, 5, 255, 256, 257, 900),
      temperature: fc.constantFrom(0, 1e-6, 0.05, 0.7, 1, 2, 40),
      topP: fc.oneof(fc.constant(1), fc.double({ min: 1e-9, max: 1, noNaN: true })),
      grain: fc.constantFrom(1, 0.25, 1e-3, 0),
      seed: fc.nat(1e6),
    })
    fc.assert(
      fc.property(choice, ({ count, temperature, topP, grain, seed }) => {
        // With a coarse grain many logits are equal.
        const at = (i: number) => Math.sin(seed + i * 12.9898) * 8
        const logits = Float32Array.from({ length: count }, (_, i) =>
          grain ? Math.round(at(i) / grain) * grain : at(i),
        )
        agree(logits, { temperature, topP, seed32: seedOf(seed), index: seed % 5 }, 'drawn')
      }),
      { numRuns: rounds },
    )
  })

  test("is the engine's under biases and penalties, whatever the answer has already", () => {
    const choice = fc.record({
      count: fc.constantFrom(5, 257, 600),
      said: fc.array(fc.nat(4), { maxLength: 12 }),
      long: fc.constantFrom(0, 0, 0, 300),
      presence: fc.constantFrom(0, 0.5, -2, 1.1),
      frequency: fc.constantFrom(0, 0.25, -0.3, 2),
      bias: fc.uniqueArray(fc.tuple(fc.nat(300), fc.constantFrom(-100, -1.5, 0.1, 7, 100)), {
        selector: ([token]) => token,
        maxLength: 4,
      }),
      temperature: fc.constantFrom(0, 0.6, 1.3),
      topP: fc.constantFrom(1, 0.8),
      seed: fc.nat(1e6),
    })
    fc.assert(
      fc.property(choice, ({ count, said, long, presence, frequency, bias, temperature, topP, seed }) => {
        const tokens = [...said, ...Array.from({ length: long }, (_, i) => (i * 7 + seed) % count)]
        const logits = Float32Array.from({ length: count }, (_, i) => Math.round(Math.sin(seed + i * 78.233) * 12) / 4)
        const adjust = { presence, frequency, bias: bias.sort(([a], [b]) => a - b) }
        agree(logits, { temperature, topP, seed32: seedOf(seed), index: tokens.length, adjust }, 'adjusted', tokens)
      }),
      { numRuns: rounds },
    )
  })

  test('a draw that falls on the end of a weight goes to the next, and a sum that is the share is enough', () => {
    const half = 2 ** 31
    const tables = [Uint32Array.of(half, half), doubleWords(2 * half), Uint32Array.of(half, 0), doubleWords(4 * half)]
    const words = (table: number, from: number, count: number) => tables[table]!.subarray(from, from + count)
    const none = { above: undefined, isFirst: true }
    const walk = drawUnit([], { kind: 'walk', of: 0, count: 2, ...none, total: 1, draw: 2 }, 0, words)
    assert.deepEqual([...walk], [1, ...doubleWords(half)])
    const least = { cut: undefined, bit: 8 }
    for (const [topP, cut] of [
      [0.5, 8],
      [0.5 + 2 ** -53, 0],
    ] as const)
      assert.deepEqual([...drawUnit([], { kind: 'cut', reached: 1, all: 3, topP, least }, 0, words)], [cut])
  })

  test('sums over three stages, of a vocabulary as models have it', () => {
    const logits = Float32Array.from({ length: 70_001 }, (_, i) => Math.sin(i * 0.37) * 6)
    for (const topP of [1, 0.9]) agree(logits, { temperature: 0.8, topP, seed32: seedOf(9), index: 2 }, 'many')
  })
})
