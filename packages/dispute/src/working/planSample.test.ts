/** The choice of a token written out number by number is the engine's choice. */
import assert from 'node:assert/strict'
import { before, describe, test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { createArena } from '@weightless/tensor/kernels/loadKernels'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { sampleToken } from '@weightless/tensor/sampler/sampleToken'
import fc from 'fast-check'
import { openProbe } from '../referee/probeJob.cases.ts'
import { borderlineChoices, makeSampleCase } from '../referee/sampleCase.cases.ts'
import type { Draw } from './rules.ts'

const rounds = process.env.WEIGHTLESS_HEAVY === '1' ? 1000 : 60

describe('a choice written out', () => {
  let graph: Graph
  let arena: Awaited<ReturnType<typeof createArena>>
  before(async () => {
    ;[graph, arena] = [(await openProbe()).graph, await createArena()]
  })

  function agree(logits: Float32Array, draw: Draw, name: string): void {
    const bytes = Math.ceil(logits.length / 4) * 16
    const [weights, place] = [arena.allocate(bytes), arena.allocate(bytes)]
    const row = arena.floats(place, logits.length)
    row.set(logits)
    const { record } = sampleToken(arena, row, weights, draw, draw.index)
    const made = makeSampleCase(graph, logits, draw).record
    assert.equal(bytesToHex(made), bytesToHex(record), `${name}: ${JSON.stringify({ ...draw, count: logits.length })}`)
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

  test('sums over three stages, of a vocabulary as models have it', () => {
    const logits = Float32Array.from({ length: 70_001 }, (_, i) => Math.sin(i * 0.37) * 6)
    for (const topP of [1, 0.9]) agree(logits, { temperature: 0.8, topP, seed32: seedOf(9), index: 2 }, 'many')
  })
})
