import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gemmPanelBytes } from '../crew/callKernel.ts'
import { type BlockVector, blockVectors } from '../gguf/blocks.cases.ts'
import { readBlock, type WeightBlock } from '../gguf/readBlock.ts'
import { panelBytes } from '../model/scratch.ts'
import { philox4x32 } from '../sampler/philox.ts'
import { createArena, layoutOf } from './loadKernels.ts'
import * as reference from './referenceOperators.cases.ts'
import { numbers, openTestArena } from './testArena.cases.ts'

const { arena, kernels, put, get } = await openTestArena()
const panel = arena.allocate(panelBytes)

type Activations = { input: number; q: number; scales: number; sums: number; rows: number[][] }

function activations(columns: number, positions: number, key: number): Activations {
  const rows = Array.from({ length: positions }, (_, i) => numbers(columns, key + i, 3))
  const blocks = (columns / 32) * positions
  const address = { input: put(rows.flat()), q: arena.allocate(blocks * 64), scales: arena.allocate(blocks * 4) }
  const sums = arena.allocate(blocks * 4)
  assert.equal(kernels.quantise(address.input, address.q, address.scales, sums, blocks), 0)
  return { ...address, sums, rows }
}

/** Random GGUF rows of a type, with what they mean. */
function weightRows(
  { type, halves, blockBytes, blockValues }: BlockVector,
  rows: number,
  columns: number,
  key: number,
) {
  const count = columns / blockValues
  const bytes = new Uint8Array(rows * count * blockBytes)
  const view = new DataView(bytes.buffer)
  for (let i = 0; i < bytes.length; i++) bytes[i] = philox4x32([i, 0, 0, 0], [key, 2])[0] & 255
  const meaning: WeightBlock[][] = []
  for (let row = 0; row < rows; row++) {
    const blocks: WeightBlock[] = []
    for (let block = 0; block < count; block++) {
      const at = (row * count + block) * blockBytes
      // Halves of magnitude 2^-10 to 2^-9, minima below 0.
      for (const [i, half] of halves.entries()) {
        const sign = halves.length > 1 && (type.endsWith('_K') ? i === 0 && block === 1 : i === 1) ? 0x9400 : 0x1400
        view.setUint16(at + half, sign | (view.getUint16(at + half, true) & 0x3ff), true)
      }
      for (let part = 0; part < blockValues / 32; part++) {
        blocks.push(readBlock(type, bytes.subarray(at, at + blockBytes), part))
      }
    }
    meaning.push(blocks)
  }
  return { bytes, meaning }
}

function packRows({ type, number }: BlockVector, bytes: Uint8Array, rows: number, columns: number) {
  const groups = Math.ceil(rows / 8)
  const { kind, groupBytes } = layoutOf(type, columns)
  const source = arena.allocate(bytes.length)
  arena.bytes(source, bytes.length).set(bytes)
  const w = arena.allocate(groups * groupBytes)
  // What lay there before must not show in rows that there are not.
  arena.bytes(w, groups * groupBytes).fill(0xff)
  for (let group = 0; group < groups; group++) {
    const from = source + group * 8 * (bytes.length / rows)
    assert.equal(kernels.packBlocks(number, from, w + group * groupBytes, Math.min(8, rows - group * 8), columns), 0)
  }
  return { w, kind, groups }
}

for (const vector of blockVectors()) {
  const { type, blockValues, values, blocks: vectorBlocks } = vector
  // 768 columns or fewer are one run; 8,448 are 264 blocks: a full run of 256 and a short one.
  for (const [rows, columns, positions] of [
    [13, blockValues * 3, 11],
    [8, 8448, 5],
  ] as const) {
    test(`${type} ${rows}×${columns}: decode and prefill kernels give the bits of the written operator`, () => {
      const { bytes, meaning } = weightRows(vector, rows, columns, 5)
      const { w, kind, groups } = packRows(vector, bytes, rows, columns)
      const blocks = columns / 32
      const x = activations(columns, positions, 100)
      const stride = groups * 32
      const out = arena.allocate(positions * stride)
      const together = positions - (positions % 4)
      kernels.matmulQuantised(kind, w, x.q, x.scales, x.sums, out, groups, blocks, together, stride, panel)
      const single = arena.allocate(stride)
      for (let position = 0; position < positions; position++) {
        const at = position * blocks
        const [q, s, t] = [x.q + at * 64, x.scales + at * 4, x.sums + at * 4]
        kernels.matvec(kind, w, q, s, t, single, groups, blocks, 15)
        const expected = meaning.map((row) => reference.dotQuantised(row, reference.quantise(x.rows[position]!)))
        assert.deepEqual(get(single, rows), expected)
        if (position < together) assert.deepEqual(get(out + position * stride, rows), expected)
      }
    })
  }

  test(`${type}: an embedding row, and the panel that training multiplies with, are the values that the package gguf reads`, () => {
    const { w, kind } = packRows(vector, vectorBlocks, 5, blockValues)
    const row = arena.allocate(blockValues * 4)
    for (let lane = 0; lane < 5; lane++) {
      kernels.embedRow(w, lane, kind, blockValues, row)
      assert.deepEqual(
        arena.floats(row, blockValues).slice(),
        values.slice(lane * blockValues, (lane + 1) * blockValues),
      )
    }
    // Products with rows of one 1: each picks a column, row by row and transposed.
    const ones = Array.from({ length: blockValues }, (_, i) =>
      Array.from({ length: blockValues }, (_, j) => Number(i === j)),
    )
    const out = arena.allocate(blockValues * 32)
    const room = arena.allocate(gemmPanelBytes)
    kernels.gemmRows(kind, w, put(ones.flat()), blockValues * 4, out, 32, 1, blockValues, blockValues, room)
    const turned = arena.allocate(8 * blockValues * 4)
    const lanes = Array.from({ length: 8 }, (_, i) => Array.from({ length: 8 }, (_, j) => Number(i === j && i < 5)))
    kernels.gemmColumns(kind, w, put(lanes.flat()), 32, turned, 8, blockValues, 0, blockValues, 8, room)
    for (let lane = 0; lane < 5; lane++) {
      const expected = Array.from(values.slice(lane * blockValues, (lane + 1) * blockValues), (value) => value + 0)
      assert.deepEqual(
        Array.from({ length: blockValues }, (_, i) => arena.floats(out + i * 32, 8)[lane]),
        expected,
      )
      assert.deepEqual(get(turned + lane * blockValues * 4, blockValues), expected)
    }
  })
}

test('BF16 is the upper half of a binary32; what is not finite is told', () => {
  const source = arena.allocate(16)
  const out = arena.allocate(8 * 32)
  const halves = [0x3f80, 0xc000, 0x0001, 0x8000, 0x7f7f, 0x3eab]
  arena.bytes(source, 12).set(new Uint8Array(Uint16Array.from(halves).buffer))
  assert.equal(kernels.packFloat(30, source, out, 1, 6), 0)
  const expected = new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer)
  assert.deepEqual(
    Float32Array.from({ length: 6 }, (_, i) => arena.floats(out + i * 32, 1)[0]!),
    expected,
  )
  for (const bad of [0x7f80, 0xff80, 0x7fc0]) {
    arena.bytes(source, 2).set(new Uint8Array(Uint16Array.of(bad).buffer))
    assert.equal(kernels.packFloat(30, source, out, 1, 6), 1)
  }
})

test('float matrices fold their products in runs of 256', () => {
  const [rows, columns, positions] = [9, 600, 3]
  const weights = Array.from({ length: rows }, (_, row) => numbers(columns, 40 + row))
  const source = put(weights.flat())
  const w = arena.allocate(2 * columns * 32)
  assert.equal(kernels.packFloat(0, source, w, 8, columns), 0)
  assert.equal(kernels.packFloat(0, source + 8 * columns * 4, w + columns * 32, 1, columns), 0)
  const inputs = Array.from({ length: positions }, (_, i) => numbers(columns, 60 + i))
  const out = arena.allocate(positions * 64)
  kernels.matmulFloat(w, put(inputs.flat()), out, 2, columns, positions, 64)
  for (let i = 0; i < positions; i++) {
    const expected = weights.map((row) => reference.dotFloat(row, inputs[i]!))
    assert.deepEqual(get(out + i * 64, rows), expected)
  }
})

test('normalisation, gating and exponential are those written', () => {
  const [x, weight] = [numbers(576, 1, 50), numbers(576, 2)]
  const out = arena.allocate(576 * 4)
  kernels.rmsNorm(put(x), put(weight), out, 576, 1, 1e-5)
  assert.deepEqual(get(out, 576), reference.rmsNorm(x, weight, 1e-5))
  const [gate, up] = [numbers(64, 3, 20), numbers(64, 4)]
  const gated = put(gate)
  kernels.siluMultiply(gated, put(up), 64)
  assert.deepEqual(
    get(gated, 64),
    gate.map((value, i) => reference.siluMultiply(value, up[i]!)),
  )
  for (let x = -87; x < 88; x += 0.37) {
    const error = Math.abs(reference.exponential(Math.fround(x)) / Math.exp(Math.fround(x)) - 1)
    assert.ok(error < 1.2e-7, `exp(${x}) is off by ${error}`)
  }
})

test('attention over 1, 15, 256 and 300 positions is that written, whatever was appended together', () => {
  const [heads, keyHeads, size, capacity, last] = [8, 2, 40, 320, 300]
  const keyWidth = keyHeads * size
  const k = Array.from({ length: last }, (_, t) => numbers(keyWidth, 1000 + t))
  const v = Array.from({ length: last }, (_, t) => numbers(keyWidth, 2000 + t))
  const q = Array.from({ length: last }, (_, t) => numbers(heads * size, 3000 + t, 2))
  // In the second of two layers, by the second of two threads.
  const cache = arena.allocate(keyWidth * capacity * 4 * 4)
  const scores = arena.allocate((capacity + 16) * 12 * 2)
  const places = arena.allocate(last * 16)
  arena.words(places, last * 4).set(k.flatMap((_, t) => [cache, scores, capacity, t]))
  kernels.storeKeys(put(k.flat()), put(v.flat()), keyWidth * 4, places, keyHeads, size, 1, last)
  const out = arena.allocate(last * heads * size * 4)
  const factor = Math.fround(1 / Math.sqrt(size))
  const stride = heads * size * 4
  kernels.attend(put(q.flat()), stride, out, places, 1, heads, keyHeads, size, 1, last, factor)
  for (const length of [1, 15, 256, 300]) {
    for (const head of [0, 3, 6]) {
      const keyHead = Math.floor(head / 4)
      const part = (row: number[]) => row.slice(keyHead * size, keyHead * size + size)
      const query = q[length - 1]!.slice(head * size, head * size + size)
      const expected = reference.attend(query, k.slice(0, length).map(part), v.slice(0, length).map(part), factor)
      assert.deepEqual(get(out + ((length - 1) * heads + head) * size * 4, size), expected, `${length} ${head}`)
    }
  }
})

test('values that are not finite are reported', () => {
  const room = arena.allocate(256)
  for (const value of [Infinity, -Infinity, Number.NaN]) {
    const x = put([...numbers(31, 9), value])
    assert.equal(kernels.quantise(x, room, room + 64, room + 128, 1), 1)
    assert.equal(kernels.hasNonFinite(x, 32), 1)
  }
  assert.equal(kernels.hasNonFinite(put(numbers(32, 9)), 32), 0)
})

test('the arena gives zeroed, disjoint regions and takes them back', async () => {
  const own = await createArena()
  const a = own.allocate(1000)
  own.bytes(a, 1000).fill(7)
  const b = own.allocate(200_000)
  own.release(a)
  const c = own.allocate(500)
  assert.equal(c, a)
  assert.ok(own.bytes(c, 500).every((byte) => byte === 0))
  own.release(b)
  own.release(c)
  const before = own.sizeBytes()
  own.release(own.allocate(200_000))
  assert.equal(own.sizeBytes(), before)
  assert.throws(() => own.allocate(2 ** 33), { name: 'MemoryExhaustedError' })
})
