import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { type AdapterTarget, adapterTargets } from '../adapter/adapterTargets.ts'
import { philox4x32 } from '../sampler/philox.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { packLora } from './loraWeights.ts'
import { referenceLoss } from './referenceModel.cases.ts'
import { accumulate, createTrainer } from './trainer.ts'

const chance = (i: number, key: number) => philox4x32([i, 0, 0, 0], [key, 77])[0] / 2 ** 32

/** Rows of several lengths, some tokens not counted. */
function makeRows(lengths: readonly number[], vocabSize: number) {
  return lengths.map((length, row) => ({
    tokens: Array.from({ length }, (_, i) => Math.floor(chance(i, row) * vocabSize)),
    mask: Array.from({ length }, (_, i) => (chance(i, 50 + row) < 0.7 || i === length - 1 ? 1 : 0)),
  }))
}

/** Compares loss and some gradients of every matrix with the f64 evaluation. @param draws - of each of A and B */
async function compare(
  lengths: readonly number[],
  targets: AdapterTarget[],
  draws: number,
  file = makeProbeModel(),
): Promise<void> {
  const trainer = await createTrainer(file, {
    seed32: new Uint8Array(32).fill(7),
    rank: 3,
    alpha: 6,
    targets,
  })
  const { lora, model } = trainer
  const { arena, graph } = model.parts
  // B is no longer zero, so that A has a gradient.
  for (const { b, rows } of lora.slots) {
    const values = arena.floats(lora.values + b * 4, rows * 8)
    for (let i = 0; i < values.length; i++) if (i % 8 < 3) values[i] = (chance(b + i, 99) - 0.5) / 8
  }
  packLora(lora, arena)
  const rows = makeRows(lengths, graph.vocabSize)
  const counted = rows.reduce((sum, { mask }) => sum + mask.slice(1).filter(Boolean).length, 0)
  const loss = accumulate(trainer, rows, counted)
  const evaluate = referenceLoss(model.parts, { slots: lora.slots, rank: 3, paddedRank: 8, scale: 2 })
  const values = Float64Array.from(arena.floats(lora.values, lora.length))
  assert.ok(Math.abs(loss / evaluate(values, rows) - 1) < 1e-6)
  const gradients = arena.floats(lora.gradients, lora.length)
  const scale = Math.sqrt(gradients.reduce((sum, value) => sum + value * value, 0) / lora.length)
  for (const { layer, target, a, b, columns, rows: height } of lora.slots) {
    for (let draw = 0; draw < draws; draw++) {
      const inA = a + Math.floor(chance(draw, 7 + a) * 3 * columns)
      const inB = b + Math.floor(chance(draw, 9 + b) * height) * 8 + draw
      for (const at of [inA, inB]) {
        const moved = (step: number) => evaluate(values.with(at, values[at]! + step), rows)
        const expected = (moved(1e-4) - moved(-1e-4)) / 2e-4
        const error = Math.abs(gradients[at]! - expected)
        const where = `layer ${layer} ${target}: ${gradients[at]} not ${expected}`
        assert.ok(error < 1e-4 * Math.abs(expected) + 1e-4 * scale, where)
      }
    }
  }
  // What pads the rank stays without gradient.
  for (const { b } of lora.slots) assert.equal(gradients[b + 5], 0)
}

test('loss and gradients of every target are those of an f64 evaluation and its finite differences', async () => {
  await compare([4, 9, 6], [...adapterTargets], 2)
})

test('so they are in a row of more than 256 positions, where sums have several runs', async () => {
  await compare([267], ['k', 'v'], 1)
})

test('so they are on a base of k-quants and all other types', async () => {
  const file = new URL('../../../../vectors/tensor/tiny-types.gguf', import.meta.url)
  await compare([5, 3], [...adapterTargets], 1, new Uint8Array(readFileSync(file)))
})
