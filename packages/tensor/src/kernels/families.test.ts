/** The kernels of families other than Llama equal the operators written one number at a time. Spec: spec/tensor.md §11. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { halfRopeRows, ropeAngles } from '../model/ropeTable.ts'
import * as reference from './referenceOperators.cases.ts'
import { numbers, openTestArena } from './testArena.cases.ts'

const { arena, kernels, put, get } = await openTestArena()

test('biases, norms and turns of heads reach their own values of each row, and no others', () => {
  const [rows, heads, size, rotated, width] = [3, 2, 24, 16, 60]
  const x = numbers(rows * width, 1, 4)
  const [bias, weight] = [numbers(width, 2), numbers(size, 3)]
  const address = put(x)
  kernels.addBiases(address, width * 4, put(bias), width, rows)
  const biased = x.map((value, i) => Math.fround(value + bias[i % width]!))
  assert.deepEqual(get(address, rows * width), biased)
  kernels.normHeads(address, width * 4, heads, size, put(weight), rows, 1e-6)
  const turns = halfRopeRows(ropeAngles(rotated, 1e6, undefined, 8), 5, rows)
  const normed = Array.from({ length: rows }, (_, row) => {
    const own = biased.slice(row * width, (row + 1) * width)
    const parts = Array.from({ length: heads }, (_, head) =>
      reference.rmsNorm(own.slice(head * size, (head + 1) * size), weight, 1e-6),
    )
    return { parts, rest: own.slice(heads * size) }
  })
  assert.deepEqual(
    get(address, rows * width),
    normed.flatMap(({ parts, rest }) => [...parts.flat(), ...rest]),
  )
  const [cosines, sines] = [put([...turns.cosines]), put([...turns.sines])]
  kernels.rotateHalves(address, width * 4, heads, size, rotated, cosines, sines, rows)
  const half = rotated / 2
  const turned = normed.flatMap(({ parts, rest }, row) => {
    const of = (table: Float32Array) => [...table.subarray(row * half, (row + 1) * half)]
    return [...parts.flatMap((head) => reference.rotateHalves(head, of(turns.cosines), of(turns.sines))), ...rest]
  })
  assert.deepEqual(get(address, rows * width), turned)
})

test('the gate with GELU and the bound of scores are those written, close to tanh, and keep what is not finite', () => {
  const gate = [...numbers(124, 4, 30), -1e19, 1e19, -0, 3e-39].map(Math.fround)
  const up = numbers(gate.length, 5, 3)
  const gated = put(gate)
  kernels.geluMultiply(gated, put(up), gate.length)
  assert.deepEqual(
    get(gated, gate.length),
    gate.map((value, i) => reference.geluMultiply(value, up[i]!)),
  )
  const scores = [...numbers(126, 6, 400), 3e38, -3e38].map(Math.fround)
  const capped = put(scores)
  kernels.capValues(capped, scores.length, 30)
  assert.deepEqual(
    get(capped, scores.length),
    scores.map((score) => reference.capped(score, 30)),
  )
  for (const [i, score] of scores.entries())
    assert.ok(Math.abs(get(capped, scores.length)[i]! - 30 * Math.tanh(score / 30)) < 1e-5, `${score}`)
  for (const x of gate.slice(0, 124)) {
    const exact = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    assert.ok(Math.abs(reference.geluMultiply(x, 1) - exact) < 1e-6 * Math.max(1, Math.abs(exact)), `${x}`)
  }
  const wrong = put([Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, 1])
  kernels.capValues(wrong, 4, 30)
  assert.deepEqual(get(wrong, 3), [Number.NaN, Number.NaN, Number.NaN])
})

test('attention over a window is that written over its positions alone, with bounded scores or without', () => {
  const [heads, keyHeads, size, capacity, last] = [4, 1, 32, 320, 300]
  const width = keyHeads * size
  const k = Array.from({ length: last }, (_, t) => numbers(width, 1000 + t, 3))
  const v = Array.from({ length: last }, (_, t) => numbers(width, 2000 + t))
  const q = Array.from({ length: last }, (_, t) => numbers(heads * size, 3000 + t, 3))
  const cache = arena.allocate(width * capacity * 4 * 2)
  const scores = arena.allocate((capacity + 16) * 12)
  const places = arena.allocate(last * 16)
  arena.words(places, last * 4).set(k.flatMap((_, t) => [cache, scores, capacity, t]))
  kernels.storeKeys(put(k.flat()), put(v.flat()), width * 4, places, keyHeads, size, 0, last)
  const [queries, out] = [put(q.flat()), arena.allocate(last * heads * size * 4)]
  const shape = arena.allocate(12)
  arena.words(shape, 3).set([heads, keyHeads, size])
  const factor = Math.fround(1 / Math.sqrt(size))
  for (const [window, cap] of [
    [1, 0],
    [7, 0.5],
    [261, 2],
    [2 ** 30, 2],
  ] as const) {
    kernels.attendNear(queries, heads * size * 4, out, places, 0, shape, 0, last, factor, window, cap)
    for (const length of [1, 6, 8, 255, 300]) {
      const first = Math.max(0, length - window)
      // Three heads go together, the fourth alone.
      for (const head of [1, 3]) {
        const query = q[length - 1]!.slice(head * size, head * size + size)
        const expected = reference.attend(query, k.slice(first, length), v.slice(first, length), factor, cap)
        const at = out + ((length - 1) * heads + head) * size * 4
        assert.deepEqual(get(at, size), expected, `${window} ${cap} ${length} ${head}`)
      }
    }
  }
})
