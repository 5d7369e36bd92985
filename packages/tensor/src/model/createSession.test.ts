import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { sha256 } from '@weightless/crypto'
import fc from 'fast-check'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { recordSteps } from '../trace/recordSteps.ts'
import { smolLm2 } from '../weights.cases.ts'
import { positionsMax, type Session } from './createSession.ts'
import { loadModel, type Model } from './loadModel.ts'

const vectors = new URL('../../../../vectors/tensor/', import.meta.url)
const probe = await loadModel(makeProbeModel())

function file(name: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(name, vectors)))
}

/** Logits of every position, in passes of the sizes given (cycled). */
function logitsOf(session: Session, tokens: readonly number[], passes: readonly number[]): Float32Array[] {
  const rows: Float32Array[] = []
  for (let at = 0, i = 0; at < tokens.length; i++) {
    const pass = tokens.slice(at, at + passes[i % passes.length]!)
    for (const row of session.append(pass, 0)) rows.push(row.slice())
    at += pass.length
  }
  return rows
}

type Golden = {
  tokens: number[]
  logitsF32?: string
  top: number[][]
  topLogits: number[][]
  picked: number[]
  pickedLogits: number[][]
}

function golden(name: string): Golden {
  return JSON.parse(readFileSync(new URL(`${name}.logits.json`, vectors), 'utf8'))
}

/** Largest difference from an evaluation in f64 of the dequantised file by another program. */
function largestError(model: Model, golden: Golden): number {
  const session = model.createSession(golden.tokens.length)
  const rows = logitsOf(session, golden.tokens, [positionsMax])
  session.close()
  const expected = golden.logitsF32 === undefined ? undefined : Buffer.from(golden.logitsF32, 'base64')
  let largest = 0
  rows.forEach((row, i) => {
    const compare = (token: number, value: number) => {
      largest = Math.max(largest, Math.abs(row[token]! - value))
    }
    if (expected !== undefined) {
      for (let id = 0; id < row.length; id++) compare(id, expected.readFloatLE((i * row.length + id) * 4))
      return
    }
    for (const [j, token] of golden.top[i]!.entries()) compare(token, golden.topLogits[i]![j]!)
    for (const [j, token] of golden.picked.entries()) compare(token, golden.pickedLogits[i]![j]!)
  })
  return largest
}

const families = ['tiny-qwen2', 'tiny-qwen3', 'tiny-gemma2', 'tiny-gemma3']

for (const name of ['tiny-random', 'tiny-untied', 'tiny-scaled', 'tiny-types', ...families]) {
  test(`${name}: random tokens give the logits of an independent f64 evaluation within 0.01`, async () => {
    const error = largestError(await loadModel(file(`${name}.gguf`)), golden(name))
    assert.ok(error < 0.01, `largest error ${error}`)
  })
}

test(
  'SmolLM2: random tokens and a chat give the logits of an f64 evaluation within 0.02',
  smolLm2.options,
  async () => {
    const model = await loadModel(smolLm2.bytes())
    for (const name of ['smollm2-random', 'smollm2-chat']) {
      const error = largestError(model, golden(name))
      assert.ok(error < 0.02, `${name}: largest error ${error}`)
    }
  },
)

const opened = await Promise.all(['tiny-types', ...families].map((name) => loadModel(file(`${name}.gguf`))))
for (const model of [probe, ...opened]) {
  test(`${model.info.name}: bits depend neither on passes nor on other sessions`, () => {
    const tokens = Array.from({ length: 70 }, (_, i) => (i * 97 + 13) % model.info.vocabSize)
    const alone = model.createSession(tokens.length)
    const expected = logitsOf(alone, tokens, [1])
    alone.close()
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: positionsMax }), { minLength: 1, maxLength: 8 }), (passes) => {
        const session = model.createSession(tokens.length)
        const other = model.createSession(4)
        other.append([5, 6, 7], 0)
        assert.deepEqual(logitsOf(session, tokens, passes), expected)
        session.close()
        other.close()
      }),
      { numRuns: 30 },
    )
  })
}

test('a cache that grows, or is cut back, gives the bits of one that does not', () => {
  const tokens = Array.from({ length: 700 }, (_, i) => (i * 31 + 7) % probe.info.vocabSize)
  const session = probe.createSession(1024)
  const whole = logitsOf(session, tokens, [positionsMax]).at(-1)
  session.truncate(530)
  assert.deepEqual(logitsOf(session, tokens.slice(530), [7]).at(-1), whole)
  session.close()
  // The probe's memory is reused, not leaked.
  const before = probe.memoryBytes()
  for (let i = 0; i < 20; i++) {
    const again = probe.createSession(1024)
    logitsOf(again, tokens.slice(0, 40), [positionsMax])
    again.close()
  }
  assert.equal(probe.memoryBytes(), before)
})

test('the bits of the probe are the recorded ones', () => {
  const session = probe.createSession(300)
  const tokens = Array.from({ length: 300 }, (_, i) => (i * 59 + 1) % probe.info.vocabSize)
  const rows = logitsOf(session, tokens, [positionsMax])
  session.close()
  const bytes = new Uint8Array(Float32Array.from(rows.flatMap((row) => [...row])).buffer)
  assert.equal(
    Buffer.from(sha256(bytes)).toString('hex'),
    '8f8ddb648c5b32752001e34caf531563fd94d7cb598f216f5fa02d5cb01ce180',
  )
})

test('a full or closed session and numbers that overflow are typed errors', async () => {
  const session = probe.createSession(16)
  session.append([1, 2, 3], 3)
  assert.throws(() => session.append(new Array(14).fill(1), 0), { name: 'ContextFullError' })
  session.close()
  session.close()
  assert.throws(() => session.append([1], 0), { name: 'ContextFullError' })

  const bytes = makeProbeModel()
  const norm = probe.parts.graph.tensors.get('blk.1.ffn_norm.weight')!
  new DataView(bytes.buffer).setFloat32(norm.offset, 3e38, true)
  const model = await loadModel(bytes)
  const broken = model.createSession(16)
  assert.throws(() => broken.append([1, 2], 0, recordSteps(2, false)), {
    name: 'NumberNotFiniteError',
    message: /layer 1 ffn/,
  })
})
