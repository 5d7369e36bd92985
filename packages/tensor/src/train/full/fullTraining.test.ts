import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createCrewSeat, dismissCrew, mateModule } from '../../crew/crew.ts'
import { describeModel, loadModel } from '../../model/loadModel.ts'
import { evaluateRows } from '../passRunner.ts'
import { referenceWholeLoss } from '../referenceModel.cases.ts'
import { halfBits } from './encodeValues.ts'
import { checkFullOptions, decays } from './fullOptions.ts'
import { accumulateFull, createFullTrainer, takeFullStep } from './fullTrainer.ts'
import { openCorpus } from './openCorpus.ts'
import { openFullTrainer } from './openFullTrainer.ts'
import { chance, makeCorpus, makeModel, options, seed32 } from './trainAndSaveFull.cases.ts'
import { packWeights } from './wholeWeights.ts'

/** Loss and gradients of some values of every tensor against an f64 evaluation. */
async function compare(tied: boolean, lengths: readonly number[], draws: number, which = /./): Promise<void> {
  const longest = Math.max(...lengths)
  const trainer = await createFullTrainer(makeModel(tied, longest), makeCorpus(longest, longest - 1), { seed32 })
  const { whole, parts } = trainer
  const { arena } = parts
  // Weights away from their start: norms that are not 1, an embedding that is not small.
  const held = arena.floats(whole.values, whole.length)
  for (const { name, at, rows, columns } of whole.slots) {
    for (let i = at; i < at + rows * columns; i++) {
      held[i] = name.endsWith('norm.weight') ? 0.5 + chance(i, 5) : held[i]! * (name.startsWith('blk') ? 1.5 : 15)
    }
  }
  packWeights(whole, parts)
  const rows = lengths.map((length, row) => ({
    tokens: Array.from({ length }, (_, i) => (i % 3 === 0 ? 7 : Math.floor(chance(i, row) * 259))),
    mask: Array.from({ length }, (_, i) => (chance(i, 50 + row) < 0.95 || i === length - 1 ? 1 : 0)),
  }))
  const { loss } = accumulateFull(trainer, rows)
  const evaluate = referenceWholeLoss(parts, whole)
  const values = Float64Array.from(arena.floats(whole.values, whole.length))
  assert.ok(Math.abs(loss / evaluate(values, rows) - 1) < 1e-6)
  const gradients = arena.floats(whole.gradients, whole.length)
  for (const { name, at, rows: height, columns, length } of whole.slots) {
    if (!which.test(name)) continue
    const own = gradients.subarray(at, at + height * columns)
    const scale = Math.sqrt(own.reduce((sum, value) => sum + value * value, 0) / own.length)
    assert.ok(scale > 1e-6, name)
    assert.ok(gradients.subarray(at + height * columns, at + length).every((value) => value === 0))
    for (let draw = 0; draw < draws; draw++) {
      // Of the embedding also a row that is looked up often.
      const usual = Math.floor(chance(draw, at) * own.length)
      const index = at + (name === 'token_embd.weight' && draw % 2 === 0 ? 7 * columns + draw : usual)
      const moved = (step: number) => evaluate(values.with(index, values[index]! + step), rows)
      const expected = (moved(1e-4) - moved(-1e-4)) / 2e-4
      const error = Math.abs(gradients[index]! - expected)
      assert.ok(error < 2e-4 * Math.abs(expected) + 2e-4 * scale, `${name}: ${gradients[index]} not ${expected}`)
    }
  }
}

test('loss and gradient of every tensor are those of an f64 evaluation and its finite differences, tied or not', async () => {
  await compare(true, [4, 9, 6], 4)
  await compare(false, [5, 3], 4)
})

test('so they are in a row of more than 256 positions, where sums have several runs', async () => {
  await compare(true, [290, 3], 1, /token_embd|output_norm|1.attn_norm/)
})

test('the states after three steps are the recorded ones, however rows are grouped, and with layers computed anew', async () => {
  const corpus = makeCorpus(5 * 40 + 1, 40)
  const hashesOf = async (given = {}) => {
    const trainer = await openFullTrainer(makeModel(true), corpus, { ...options, ...given })
    return Array.from({ length: 3 }, () => trainer.step().stateHash)
  }
  const expected = await hashesOf()
  assert.deepEqual(expected, recorded)
  assert.deepEqual(await hashesOf({ passTokensMax: 1 }), expected)
  assert.deepEqual(await hashesOf({ passTokensMax: 90, keptBytesMax: 0 }), expected)
})

test('with a mate thread the bits stay the same', async () => {
  const seat = createCrewSeat(1)
  const trainer = await createFullTrainer(makeModel(true), makeCorpus(201, 40), { ...options, seat })
  const bootstrap = `const { workerData } = require('node:worker_threads')
import(workerData.module).then(({ default: main }) => main(undefined, workerData.input))`
  const input = { seat, index: 0 }
  const worker = new Worker(bootstrap, { eval: true, workerData: { module: mateModule.href, input } })
  const end = once(worker, 'exit')
  try {
    for (let i = 0; i < 500 && trainer.parts.crew!.size() < 2; i++) await new Promise((done) => setTimeout(done, 10))
    assert.equal(trainer.parts.crew!.size(), 2)
    assert.deepEqual(
      recorded.map(() => takeFullStep(trainer).stateHash),
      recorded,
    )
  } finally {
    dismissCrew(seat)
    await end
  }
})

test('killed with SIGKILL in the middle and resumed from what it had saved, it ends in the same state', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-full-training-'))
  const program = new URL('./trainAndSaveFull.cases.ts', import.meta.url).pathname
  const outcome = async (name: string, killAfter?: number): Promise<string> => {
    const child = spawn(process.execPath, [program, join(folder, name)], { stdio: ['ignore', 'pipe', 'inherit'] })
    let text = ''
    for await (const piece of child.stdout) {
      text += piece
      if (killAfter !== undefined && text.split('\n').length > killAfter) child.kill('SIGKILL')
    }
    return text.trim().split('\n').at(-1)!
  }
  try {
    const [expected, stopped] = await Promise.all([outcome('whole'), outcome('killed', 3)])
    assert.match(expected, /^60 0x/)
    assert.doesNotMatch(stopped, /^60 /)
    assert.equal(await outcome('killed'), expected)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

/** Semantics of training all weights, version 1: a change of these bits is a change of the version. */
const recorded = [
  '0x2014198ccf8e8f776eed32655da855887ed1066c0993b00e6f82e5c41242cd3f',
  '0x67d71025f2916d01b7a778e93cd23b8a0ada8218a1f48d6e10a27f20bbb48e43',
  '0x517dff055fb748c669a977fd33fcd5240fea16f2b7f57099da5b546a54e0d1f1',
]

test('a training learns; stopped and restored elsewhere it goes on to the same state, and each part of a state counts', async () => {
  const corpus = makeCorpus(401, 20)
  const one = await openFullTrainer(makeModel(false), corpus, options)
  const held = [corpus.rowAt(3)]
  const before = one.evaluate(held).loss
  for (let i = 0; i < 9; i++) one.step()
  assert.ok(one.evaluate(held).loss < before - 0.5)
  const [saved, hash] = [one.state(), one.stateHash()]
  const expected = one.step().stateHash
  const two = await openFullTrainer(makeModel(false), corpus, options)
  two.restore(saved)
  assert.deepEqual([two.stateHash(), two.progress], [hash, { step: 9, rowsSeen: 26 }])
  assert.equal(two.step().stateHash, expected)
  for (const part of [0.3, 0.5, 0.9]) {
    const wrong = saved.slice()
    wrong[Math.floor(saved.length * part)]! ^= 1
    two.restore(wrong)
    assert.notEqual(two.stateHash(), hash)
  }
  const others = [
    await openFullTrainer(makeModel(false), makeCorpus(421, 20), options),
    await openFullTrainer(makeModel(false), corpus, { ...options, weightDecay: 0 }),
    await openFullTrainer(makeModel(true), corpus, options),
  ]
  for (const other of others) assert.throws(() => other.restore(saved), { name: 'TrainerStateError' })
  for (const state of [
    saved.subarray(0, 7),
    saved.subarray(0, saved.length - 1),
    saved.with(0, 0),
    saved.with(7, 255),
  ]) {
    assert.throws(() => two.restore(state), { name: 'TrainerStateError' })
  }
  two.close()
  assert.throws(() => two.step(), { name: 'TrainingRowsError' })
})

test('what is exported is the model: as f32 bit for bit, as halves and eight bits nearly', async () => {
  const corpus = makeCorpus(401, 20)
  const trainer = await createFullTrainer(makeModel(false), corpus, options)
  const open = await openFullTrainer(makeModel(false), corpus, options)
  for (let i = 0; i < 3; i++) open.step()
  const rows = [corpus.rowAt(1)]
  const { loss } = open.evaluate(rows)
  const lossOf = async (file: Uint8Array) => {
    const again = await createFullTrainer(file, corpus, options)
    return evaluateRows(again.runner, rows).loss
  }
  assert.notEqual(evaluateRows(trainer.runner, rows).loss, loss)
  assert.equal(await lossOf(open.exportModel('F32')), loss)
  assert.ok(Math.abs((await lossOf(open.exportModel('F16'))) - loss) < 1e-3)
  const file = open.exportModel('Q8_0')
  assert.ok(Math.abs((await lossOf(file)) - loss) < 1e-2)
  const model = await loadModel(file)
  assert.equal(model.info.quantisation, 'Q8_0')
  assert.deepEqual(model.tokenizer.encode('the'), (await describeModel(makeModel(false))).tokenizer.encode('the'))
})

test('halves are the nearest, ties to even', () => {
  const expected = [0, 0x3c00, 0xbc00, 0x7bff, 0x7c00, 0x0001, 0x0000, 0x0002, 0x03ff, 0x0400, 0x3c01, 0x3c02]
  const values = [0, 1, -1, 65_519, 65_520, 2 ** -24, 2 ** -25, 1.5 * 2 ** -24, 1023 * 2 ** -24, 2 ** -14]
  values.push(1 + 2 ** -10 + 2 ** -12, 1 + 3 * 2 ** -11)
  assert.deepEqual(values.map(halfBits), expected)
})

test('bad options and data are typed errors; norms do not decay, and nor do embeddings when told', async () => {
  for (const wrong of [
    { batchRows: 0 },
    { learningRate: 0 },
    { decayed: 'none' as 'all' },
    { schedule: 'cosine' as const },
    { seed32: seed32.subarray(1) },
  ]) {
    assert.throws(() => checkFullOptions({ seed32, ...wrong }), { name: 'FullOptionsError' })
  }
  for (const [bytes, rowTokens] of [
    [3, 1],
    [2, 1],
    [100, 0],
    [100, 70_000],
  ] as const) {
    assert.throws(() => openCorpus(new Uint8Array(bytes), rowTokens), { name: 'CorpusInvalidError' })
  }
  await assert.rejects(openFullTrainer(makeModel(true), makeCorpus(200, 64), options), { name: 'TrainingRowsError' })
  const names = ['token_embd.weight', 'blk.0.ffn_up.weight', 'blk.0.ffn_norm.weight', 'output_norm.weight']
  const which = (decayed: 'all' | 'matrices' | 'hidden') => names.map((name) => decays({ decayed }, name))
  assert.deepEqual(which('all'), [true, true, true, true])
  assert.deepEqual(which('matrices'), [true, true, false, false])
  assert.deepEqual(which('hidden'), [false, true, false, false])
})
