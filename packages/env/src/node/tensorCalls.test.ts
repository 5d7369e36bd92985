/** Machine code for the tensor engine's calls gives the bits of the WebAssembly kernels, alone and in whole answers. */
import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { sha256 } from '@weightless/crypto'
import { openCorpus, openFullTrainer } from '@weightless/tensor'
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
const blockBytes = { 1: 288, 2: 160, 3: 192, 4: 320, 5: 320, 6: 256 } as const
/** Floats of a block's scales and minima. */
const headFloats = { 1: 8, 2: 8, 3: 16, 4: 16, 5: 16, 6: 32 } as const
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
  for (let block = 0; block < groups * blocks; block++) {
    const at = weights + block * blockBytes[kind]
    arena.bytes(at, blockBytes[kind]).set(randomBytes(blockBytes[kind], block))
    arena.floats(at, headFloats[kind]).set(randomFloats(headFloats[kind], block + 1, 2 ** -(block % 9)))
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

  for (const kind of [1, 2, 3, 4, 5, 6] as const) {
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

  it('multiply f32 forward, transposed and as outer products as WebAssembly does', async () => {
    const arena = await createArena()
    const [rowsMax, widthMax] = [520, 528]
    const area = rowsMax * widthMax
    const [a, b, out, panel] = [area, area, area, 10_240].map((values) => arena.allocate(values * 4)) as [
      number,
      number,
      number,
      number,
    ]
    arena.floats(a, area).set(randomFloats(area, 5, 1))
    arena.floats(b, area).set(randomFloats(area, 6, 1))
    const noise = randomFloats(area, 8, 1)
    const results = (call: (number | string)[]) =>
      [native, undefined].map((engine) => {
        setCallEngine(engine)
        arena.floats(out, area).set(noise)
        const values = call.map((value) => (typeof value === 'string' ? kernelNumbers[value as 'gemmRows'] : value))
        const table = new Float64Array(callValues)
        table.set(values)
        createCaller(arena.kernels, arena.memory).call(table, 0, 0)
        return arena.bytes(out, area * 4).slice()
      })
    for (const [outputs, terms, positions] of [
      [8, 32, 4],
      [40, 96, 16],
      [24, 264, 20],
      [72, 520, 12],
    ] as const) {
      const [rows, columns] = [outputs * 4, terms * 4]
      const cases = [
        ['gemmRows', 0, a, b, columns, out, rows, outputs / 8, terms, positions, panel],
        ['gemmColumns', 0, a, b, columns, out, terms, outputs, 0, outputs, positions, panel],
        ['gradientOuter', a, rows + 32, b, rows + 64, out, rows, outputs - 4, outputs, terms],
      ]
      for (const call of cases) {
        const [fast, slow] = results(call)
        assert.deepEqual(fast, slow, `${call[0]} of ${outputs}, ${terms}, ${positions}`)
      }
    }
    const calls = [
      [kernelNumbers.gemmRows, 0, a, b, 128, out, 32, 1, 32, 4, panel],
      [kernelNumbers.gemmColumns, 0, a, b, 128, out, 32, 32, 0, 32, 4, panel],
      [kernelNumbers.gradientOuter, a, 128, b, 128, out, 128, 8, 32, 9],
    ]
    const memory = new Uint8Array(arena.memory.buffer)
    for (const call of calls) {
      const addresses = call[0] === kernelNumbers.gradientOuter ? [1, 3, 5] : [2, 3, 5]
      for (const at of addresses) {
        const wrong = Float64Array.from({ length: callValues }, (_, i) => call[i] ?? 0)
        wrong[at] = memory.length - 8
        assert.equal(native!.runCall(memory, wrong, 0), false)
        wrong[at] = -1
        assert.throws(() => native!.runCall(memory, wrong, 0), TypeError)
      }
    }
    const uneven = Float64Array.from({ length: callValues }, (_, i) => calls[0]![i] ?? 0)
    uneven[9] = 3
    assert.throws(() => native!.runCall(memory, uneven, 0), TypeError)
  })

  it('train to the same states', async () => {
    const tokens = Uint16Array.from({ length: 801 }, (_, i) => (i * i * 7) % 250)
    const corpus = openCorpus(new Uint8Array(tokens.buffer), 200)
    const seed32 = new Uint8Array(32).fill(4)
    const hashes = []
    for (const engine of [native, undefined]) {
      setCallEngine(engine)
      const trainer = await openFullTrainer(makeProbeModel(), corpus, { seed32, batchRows: 2 })
      hashes.push([trainer.step().stateHash, trainer.step().stateHash, trainer.step().stateHash])
    }
    assert.deepEqual(hashes[0], hashes[1])
  })

  it('hash rows as SHA-256 does', { skip: !native?.hasCall(kernelNumbers.digestRows) }, async () => {
    const arena = await createArena()
    setCallEngine(native)
    const caller = createCaller(arena.kernels, arena.memory)
    const [from, to, stride] = [arena.allocate(90_000), arena.allocate(8192), 2000]
    arena.bytes(from, 90_000).set(randomBytes(90_000, 3))
    for (const length of [0, 1, 55, 56, 63, 64, 119, 120, 128, 2000]) {
      for (const rows of [1, 2, 3, 4, 16, 41]) {
        const table = Float64Array.of(kernelNumbers.digestRows, from, stride, length, to, 96, rows, 0, 0, 0, 0, 0)
        caller.call(table, 0, 0)
        for (let row = 0; row < rows; row++) {
          assert.deepEqual(arena.bytes(to + row * 96, 32).slice(), sha256(arena.bytes(from + row * stride, length)))
        }
      }
    }
  })

  it('hash rows of several lengths side by side', { skip: !native?.hasCall(kernelNumbers.digestRows) }, async () => {
    const arena = await createArena()
    setCallEngine(native)
    const caller = createCaller(arena.kernels, arena.memory)
    const [from, to] = [arena.allocate(90_000), arena.allocate(100 * 32)]
    arena.bytes(from, 90_000).set(randomBytes(90_000, 4))
    // As many lines as make no list, one, and more than are sorted at once.
    for (const rows of [[], [1], [3, 1], [1, 17, 2, 5, 1], [40, 33]]) {
      const all = rows.flatMap((count, line) => Array.from({ length: count }, (_, row) => ({ line, row })))
      const lengthOf = (line: number) => [61, 700, 0, 128, 1999][line]!
      const table = new Float64Array(rows.length * callValues)
      let target = to
      for (const [line, count] of rows.entries()) {
        const values = [kernelNumbers.digestRows, from + 64 * line, 512, lengthOf(line), target, 32, count]
        table.set(values, line * callValues)
        target += count * 32
      }
      caller.digest(table, rows.length)
      for (const [i, { line, row }] of all.entries()) {
        const message = arena.bytes(from + 64 * line + row * 512, lengthOf(line))
        assert.deepEqual(arena.bytes(to + i * 32, 32).slice(), sha256(message), `${rows}: ${line}, ${row}`)
      }
      if (rows.length < 2) continue
      const memory = new Uint8Array(arena.memory.buffer)
      const before = memory.slice()
      for (const value of [1, 4]) {
        const wrong = table.slice()
        wrong[callValues + value] = memory.length - 8
        assert.equal(native!.digestCalls(memory, wrong, rows.length), false)
      }
      const other = table.slice()
      other[callValues] = kernelNumbers.gradientOuter
      assert.throws(() => native!.digestCalls(memory, other, rows.length), TypeError)
      assert.throws(() => native!.digestCalls(memory, table, rows.length + 1), TypeError)
      assert.deepEqual(memory, before)
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
    unknown[1] = 7
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
