import assert from 'node:assert/strict'
import { test } from 'node:test'
import { philox4x32 } from '../sampler/philox.ts'
import { createArena, matrixKinds } from './loadKernels.ts'
import * as reference from './referenceOperators.cases.ts'

const arena = await createArena()
const { kernels } = arena

/** `count` reproducible numbers in ±scale with varied magnitudes. */
function numbers(count: number, key: number, scale = 1): number[] {
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = philox4x32([i, 0, 0, 0], [key, 1])
    return Math.fround(((a - 2 ** 31) / 2 ** 31) * scale * 2 ** -(b % 6))
  })
}

function put(values: readonly number[]): number {
  const address = arena.allocate(values.length * 4 + 64)
  arena.floats(address, values.length).set(values)
  return address
}

function get(address: number, count: number): number[] {
  return Array.from(arena.floats(address, count))
}

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
function weightRows(kind: 'Q8_0' | 'Q4_0' | 'Q4_1', rows: number, columns: number, key: number) {
  const blocks = columns / 32
  const header = kind === 'Q4_1' ? 4 : 2
  const blockBytes = header + (kind === 'Q8_0' ? 32 : 16)
  const bytes = new Uint8Array(rows * blocks * blockBytes)
  const view = new DataView(bytes.buffer)
  const meaning: reference.QuantisedRow[] = []
  for (let row = 0; row < rows; row++) {
    const one: reference.QuantisedRow = { scales: [], minima: kind === 'Q4_1' ? [] : undefined, integers: [] }
    for (let block = 0; block < blocks; block++) {
      const at = (row * blocks + block) * blockBytes
      const words = [0, 1, 2].flatMap((i) => philox4x32([row, block, i, 0], [key, 2]))
      const raw = new Uint8Array(Uint32Array.from(words).buffer)
      // Halves 2^-10 × (1 + fraction); the minimum is −2^-8 × (1 + fraction).
      view.setUint16(at, 0x1400 | (words[8]! & 0x3ff), true)
      one.scales.push(2 ** -10 * (1 + (words[8]! & 0x3ff) / 1024))
      if (kind === 'Q4_1') {
        view.setUint16(at + 2, 0x9c00 | (words[9]! & 0x3ff), true)
        one.minima!.push(-(2 ** -8) * (1 + (words[9]! & 0x3ff) / 1024))
      }
      bytes.set(raw.subarray(0, blockBytes - header), at + header)
      if (kind === 'Q8_0') one.integers.push(...Array.from(new Int8Array(raw.buffer, 0, 32)))
      else {
        const offset = kind === 'Q4_0' ? 8 : 0
        for (let i = 0; i < 32; i++) one.integers.push((i < 16 ? raw[i]! & 15 : raw[i - 16]! >> 4) - offset)
      }
    }
    meaning.push(one)
  }
  return { bytes, meaning, blocks, blockBytes }
}

for (const kind of ['Q8_0', 'Q4_0', 'Q4_1'] as const) {
  // 96 columns are one run; 8,256 are 258 blocks: a full run of 256 and a short one.
  for (const [rows, columns, positions] of [
    [13, 96, 11],
    [8, 8256, 5],
  ] as const) {
    test(`${kind} ${rows}×${columns}: decode and prefill kernels give the bits of the written operator`, () => {
      const groups = Math.ceil(rows / 8)
      const { bytes, meaning, blocks, blockBytes } = weightRows(kind, rows, columns, 5)
      const source = arena.allocate(bytes.length)
      arena.bytes(source, bytes.length).set(bytes)
      const groupBytes = blocks * { Q8_0: 288, Q4_0: 160, Q4_1: 192 }[kind]
      const w = arena.allocate(groups * groupBytes)
      const pack = { Q8_0: kernels.packQ80, Q4_0: kernels.packQ40, Q4_1: kernels.packQ41 }[kind]
      for (let group = 0; group < groups; group++) {
        const from = source + group * 8 * blocks * blockBytes
        assert.equal(pack(from, w + group * groupBytes, Math.min(8, rows - group * 8), blocks), 0)
      }
      const x = activations(columns, positions, 100)
      const stride = groups * 32
      const out = arena.allocate(positions * stride)
      const scratch = arena.allocate(8192 + positions * 32)
      const together = positions - (positions % 4)
      kernels.matmulQuantised(
        matrixKinds[kind],
        w,
        x.q,
        x.scales,
        x.sums,
        out,
        groups,
        blocks,
        together,
        stride,
        scratch,
      )
      const single = arena.allocate(stride)
      for (let position = 0; position < positions; position++) {
        const at = position * blocks
        const [q, s, t] = [x.q + at * 64, x.scales + at * 4, x.sums + at * 4]
        if (kind === 'Q4_1') kernels.matvecQ41(w, q, s, t, single, groups, blocks, 15)
        else if (kind === 'Q4_0') kernels.matvecQ40(w, q, s, t, single, groups, blocks, 15)
        else kernels.matvecQ80(w, q, s, single, groups, blocks)
        const expected = meaning.map((row) => reference.dotQuantised(row, reference.quantise(x.rows[position]!)))
        assert.deepEqual(get(single, rows), expected)
        if (position < together) assert.deepEqual(get(out + position * stride, rows), expected)
      }
    })
  }
}

test('float matrices fold their products in runs of 256', () => {
  const [rows, columns, positions] = [9, 600, 3]
  const weights = Array.from({ length: rows }, (_, row) => numbers(columns, 40 + row))
  const source = put(weights.flat())
  const w = arena.allocate(2 * columns * 32)
  assert.equal(kernels.packFloat(source, w, 8, columns, 0), 0)
  assert.equal(kernels.packFloat(source + 8 * columns * 4, w + columns * 32, 1, columns, 0), 0)
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
