import assert from 'node:assert/strict'
import { test } from 'node:test'
import { callValues, createCaller, kernelNumbers } from '../crew/callKernel.ts'
import { kQuantVectors } from '../gguf/kQuants.cases.ts'
import { kQuantValues, readKQuant } from '../gguf/kQuants.ts'
import { panelBytes } from '../model/scratch.ts'
import { philox4x32 } from '../sampler/philox.ts'
import { createArena, matrixKinds, packedBlockBytes } from './loadKernels.ts'
import { dotFloat } from './referenceOperators.cases.ts'

const arena = await createArena()
const { kernels } = arena
const panel = arena.allocate(8192)

/** Rows as a file has them, packed in groups of eight. */
function pack(type: keyof typeof matrixKinds & `${string}_K`, bytes: Uint8Array, rows: number, blocks: number) {
  const source = arena.allocate(bytes.length)
  arena.bytes(source, bytes.length).set(bytes)
  const groups = Math.ceil(rows / 8)
  const groupBytes = blocks * packedBlockBytes(type)
  const address = arena.allocate(groups * groupBytes)
  for (let group = 0; group < groups; group++) {
    const from = source + ((group * 8) / rows) * bytes.length
    const count = Math.min(8, rows - group * 8)
    assert.equal(kernels.packBlocks(from, address + group * groupBytes, count, blocks, matrixKinds[type]), 0)
  }
  return { address, groups, groupBytes }
}

for (const { type, blockBytes, blocks, values } of kQuantVectors()) {
  test(`${type}: embedding rows are the values that the package gguf reads`, () => {
    const rows = blocks.length / blockBytes
    const { address } = pack(type, blocks, rows, 1)
    const out = arena.allocate(kQuantValues * 4)
    for (let row = 0; row < rows; row++) {
      kernels.embedBlocks(address, row, matrixKinds[type], kQuantValues, out, panel)
      const expected = values.slice(row * kQuantValues, (row + 1) * kQuantValues)
      assert.deepEqual(arena.floats(out, kQuantValues).slice(), expected)
    }
  })

  for (const [rows, columns, positions] of [
    [1, 256, 1],
    [13, 768, 7],
    [17, 1280, 4],
  ] as const) {
    test(`${type} ${rows}×${columns}, ${positions} positions: products are those of the values, however grouped`, () => {
      const count = columns / kQuantValues
      const bytes = new Uint8Array(rows * count * blockBytes)
      const weights: number[][] = []
      for (let row = 0; row < rows; row++) {
        const values: number[] = []
        for (let block = 0; block < count; block++) {
          const at = (row * count + block) * blockBytes
          // Scales are a vector's; all other bytes are drawn.
          bytes.set(
            blocks.subarray(((row + block) % 5) * blockBytes, ((row + block) % 5) * blockBytes + blockBytes),
            at,
          )
          const from = type === 'Q4_K' || type === 'Q5_K' ? 4 : 0
          const to = type === 'Q2_K' ? 80 : type === 'Q3_K' ? 108 : type === 'Q6_K' ? 208 : blockBytes
          for (let i = from; i < to; i++) bytes[at + i] = philox4x32([row, block, i, 0], [rows, 3])[0] & 255
          values.push(...readKQuant(type, bytes.subarray(at, at + blockBytes)))
        }
        weights.push(values)
      }
      const inputs = Array.from({ length: positions }, (_, position) =>
        Array.from({ length: columns }, (_, i) =>
          Math.fround((philox4x32([position, i, 0, 0], [columns, 4])[0] - 2 ** 31) / 2 ** 30),
        ),
      )
      const expected = inputs.map((input) => weights.map((row) => dotFloat(row, input)))
      const { address, groups, groupBytes } = pack(type, bytes, rows, count)
      const x = arena.allocate(positions * columns * 4)
      arena.floats(x, positions * columns).set(inputs.flat())
      const stride = groups * 32
      const out = arena.allocate(positions * stride)
      const read = (position: number) => Array.from(arena.floats(out + position * stride, rows))
      const kind = matrixKinds[type]
      kernels.matmulBlocks(kind, address, x, out, groups, columns, positions, stride, panel)
      for (let position = 0; position < positions; position++) assert.deepEqual(read(position), expected[position])
      // One position and one group at a time, on what lay there before.
      for (let position = 0; position < positions; position++) {
        for (let group = 0; group < groups; group++) {
          const [w, to] = [address + group * groupBytes, out + position * stride + group * 32]
          kernels.matmulBlocks(kind, w, x + position * columns * 4, to, 1, columns, 1, stride, panel)
        }
        assert.deepEqual(read(position), expected[position])
      }
    })
  }
}

test('each thread of a crew widens blocks in room of its own', () => {
  const { type, blocks, values } = kQuantVectors()[0]!
  const { address } = pack(type, blocks, 5, 1)
  const x = arena.allocate(kQuantValues * 4)
  arena.floats(x, kQuantValues).fill(1)
  const out = arena.allocate(32)
  const rooms = arena.allocate(2 * panelBytes)
  arena.bytes(rooms, panelBytes).fill(7)
  const call = [kernelNumbers.matmulBlocks, matrixKinds[type], address, x, out, 1, kQuantValues, 1, 32, rooms]
  const table = new Float64Array(callValues)
  table.set(call)
  createCaller(kernels, arena.memory).call(table, 0, 1)
  const ones = new Array<number>(kQuantValues).fill(1)
  const expected = [0, 1, 2, 3, 4].map((row) => dotFloat([...values.subarray(row * 256, row * 256 + 256)], ones))
  assert.deepEqual([...arena.floats(out, 5)], expected)
  assert.ok(arena.bytes(rooms, panelBytes).every((byte) => byte === 7))
})
