/** Machine code for the tensor engine's calls gives the bits of the WebAssembly kernels, alone and in whole answers. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { sha256 } from '@weightless/crypto'
import { runChat } from '@weightless/tensor/chat/runChat'
import { type CallEngine, setCallEngine } from '@weightless/tensor/crew/callEngine'
import { callValues, createCaller, kernelNumbers } from '@weightless/tensor/crew/callKernel'
import { createArena } from '@weightless/tensor/kernels/loadKernels'
import { loadModel } from '@weightless/tensor/model/loadModel'
import { philox4x32 } from '@weightless/tensor/sampler/philox'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { loadNative } from './loadNative.ts'

const native = loadNative()
const skip = native === undefined || !native.hasCall(kernelNumbers.matmulQuantised)
const blockBytes = { 1: 288, 2: 160, 3: 192 } as const
type Kind = keyof typeof blockBytes

/** Random bytes, of which f32 are finite. */
function randomBytes(count: number, key: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(count / 16) * 4)
  for (let i = 0; i < words.length; i += 4) words.set(philox4x32([i, 0, 0, 0], [key, 7]), i)
  return new Uint8Array(words.buffer).subarray(0, count)
}

function randomFloats(count: number, key: number, scale: number): Float32Array {
  const words = new Int32Array(randomBytes(count * 4, key).slice().buffer)
  return Float32Array.from(words, (word) => (word / 2 ** 31) * scale)
}

async function makeStage(kind: Kind, groups: number, blocks: number, rows: number) {
  const arena = await createArena()
  const inputs = Math.ceil(rows / 4) * 4 * blocks
  const weights = arena.allocate(groups * blocks * blockBytes[kind])
  const header = kind === 3 ? 64 : 32
  for (let block = 0; block < groups * blocks; block++) {
    const at = weights + block * blockBytes[kind]
    arena.bytes(at, blockBytes[kind]).set(randomBytes(blockBytes[kind], block))
    arena.floats(at, header / 4).set(randomFloats(header / 4, block + 1, 2 ** -(block % 9)))
  }
  const [q, scales, sums] = [arena.allocate(inputs * 64), arena.allocate(inputs * 4), arena.allocate(inputs * 4)]
  const x = arena.allocate(inputs * 128)
  arena.floats(x, inputs * 32).set(randomFloats(inputs * 32, 99, 5))
  arena.kernels.quantise(x, q, scales, sums, inputs)
  const stride = groups * 32 + 64
  const out = arena.allocate(stride * Math.ceil(rows / 4) * 4)
  const panel = arena.allocate(16_384)
  const table = new Float64Array(callValues)
  const call = (engine: CallEngine | undefined): Uint8Array[] => {
    setCallEngine(engine)
    const caller = createCaller(arena.kernels, arena.memory)
    arena.bytes(out, stride * rows).fill(0)
    table.set([kernelNumbers.matmulQuantised, kind, weights, q, scales, sums, out, groups, blocks, rows, stride, panel])
    caller.call(table, 0, 0)
    return Array.from({ length: rows }, (_, row) => arena.bytes(out + row * stride, groups * 32).slice())
  }
  return { arena, table, out, call }
}

describe('native calls of the tensor engine', { skip }, () => {
  after(() => setCallEngine(native))

  for (const kind of [1, 2, 3] as const) {
    it(`multiply as WebAssembly does, kind ${kind}`, async () => {
      for (const [groups, blocks, rows] of [
        [1, 1, 1],
        [2, 3, 2],
        [3, 18, 3],
        [4, 5, 1],
        [7, 2, 1],
        [5, 257, 4],
        [4, 512, 1],
        [2, 300, 7],
        [3, 48, 8],
        [6, 4, 13],
        [3, 2, 32],
      ] as const) {
        const { call } = await makeStage(kind, groups, blocks, rows)
        assert.deepEqual(call(native), call(undefined), `${groups} groups, ${blocks} blocks, ${rows} rows`)
      }
    })
  }

  it('hash rows as SHA-256 does', { skip: !native?.hasCall(kernelNumbers.digestRows) }, async () => {
    const arena = await createArena()
    setCallEngine(native)
    const caller = createCaller(arena.kernels, arena.memory)
    const [from, to, stride] = [arena.allocate(16_384), arena.allocate(4096), 2000]
    arena.bytes(from, 16_384).set(randomBytes(16_384, 3))
    for (const length of [0, 1, 55, 56, 63, 64, 119, 120, 128, 2000]) {
      for (const rows of [1, 2, 3, 4]) {
        const table = Float64Array.of(kernelNumbers.digestRows, from, stride, length, to, 96, rows, 0, 0, 0, 0, 0)
        caller.call(table, 0, 0)
        for (let row = 0; row < rows; row++) {
          assert.deepEqual(arena.bytes(to + row * 96, 32).slice(), sha256(arena.bytes(from + row * stride, length)))
        }
      }
    }
  })

  it('see memory that has grown, and refuse what is not memory or no call', async () => {
    const { arena, table, out, call } = await makeStage(3, 2, 3, 2)
    const expected = call(undefined)
    setCallEngine(native)
    const caller = createCaller(arena.kernels, arena.memory)
    arena.allocate(1 << 20)
    caller.call(table, 0, 0)
    assert.deepEqual(arena.bytes(out, 64).slice(), expected[0])
    for (const value of [2, 3, 4, 5, 6, 7]) {
      const wrong = table.slice()
      wrong[value] = value === 7 ? 2 ** 24 : arena.sizeBytes() - 8
      assert.throws(() => caller.call(wrong, 0, 0), RangeError, `value ${value}`)
      wrong[value] = -8
      assert.throws(() => caller.call(wrong, 0, 0), TypeError)
      wrong[value] = Number.NaN
      assert.throws(() => caller.call(wrong, 0, 0), TypeError)
    }
    const memory = new Uint8Array(arena.memory.buffer)
    const unknown = table.slice()
    unknown[1] = 4
    assert.throws(() => native!.runCall(memory, unknown, 0), TypeError)
    unknown[0] = kernelNumbers.attend
    assert.throws(() => native!.runCall(memory, unknown, 0), TypeError)
    assert.throws(() => native!.runCall(memory, table, 1), TypeError)
    assert.throws(() => native!.runCall(memory, new Float32Array(12) as unknown as Float64Array, 0), TypeError)
    assert.equal(native!.hasCall(kernelNumbers.attend), false)
  })

  it('give an answer and its trace the bits of WebAssembly', async () => {
    const request = {
      messages: [{ role: 'user', content: 'Whose bits are these? '.repeat(6) }],
      seed32: new Uint8Array(32).fill(5),
      maxTokens: 24,
      temperature: 0.8,
      topP: 0.95,
    }
    const runs = []
    for (const engine of [native, undefined]) {
      setCallEngine(engine)
      runs.push(await runChat(await loadModel(makeProbeModel()), request, { trace: 'operators' }))
    }
    assert.deepEqual(runs[0], runs[1])
  })
})
