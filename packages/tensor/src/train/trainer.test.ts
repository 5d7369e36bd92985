import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { Worker } from 'node:worker_threads'
import { createCrewSeat, dismissCrew, mateModule } from '../crew/crew.ts'
import { philox4x32 } from '../sampler/philox.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import type { TokenRow } from './forwardPass.ts'
import { integerPower, learningRateAt } from './learningRate.ts'
import { checkLoraOptions } from './loraOptions.ts'
import { openLoraTrainer } from './openLoraTrainer.ts'
import { runTraining, shuffledRows, totalStepsOf } from './runTraining.ts'
import type { OpenTrainerOptions } from './trainer.ts'

const seed32 = new Uint8Array(32).fill(5)
const options: OpenTrainerOptions = {
  seed32,
  rank: 4,
  targets: ['q', 'k', 'v', 'o', 'gate', 'up', 'down'],
  learningRate: 3e-3,
}
const vocabSize = 262

function makeRow(length: number, key: number): TokenRow {
  const tokens = Array.from({ length }, (_, i) => philox4x32([i, key, 0, 0], [1, 2])[0] % 250)
  return { tokens, mask: tokens.map((_, i) => (i > length / 3 ? 1 : 0)) }
}

/** Lengths at which pieces of 64 queries, runs of 256 positions and whole tiles begin and end. */
const rows = [3, 64, 9, 257, 66, 4, 31].map(makeRow)

async function hashesOf(given: Partial<OpenTrainerOptions>, steps = 2): Promise<string[]> {
  const trainer = await openLoraTrainer(makeProbeModel(), { ...options, ...given })
  const hashes = Array.from({ length: steps }, () => trainer.step(rows).stateHash)
  trainer.close()
  return hashes
}

test('the state after two steps is the recorded one, however rows are grouped, and with layers computed anew', async () => {
  const expected = await hashesOf({})
  assert.deepEqual(expected, recorded)
  assert.deepEqual(await hashesOf({ passTokensMax: 1 }), expected)
  assert.deepEqual(await hashesOf({ passTokensMax: 100_000 }), expected)
  assert.deepEqual(await hashesOf({ passTokensMax: 300, keptBytesMax: 0 }), expected)
})

/** Semantics of training, version 2: a change of these bits is a change of the version. */
const recorded = [
  '0x3e34020cb312e194b5a6c9f01d4d445199fe34c4f489b37216e7b6c5392ec830',
  '0x70e70e91e1b5c30ca22fbe9d3406297db4abf6c73fd6d4693b11ccb96a66be60',
]

test('with a mate thread the bits stay the same', async () => {
  const seat = createCrewSeat(1)
  const trainer = await openLoraTrainer(makeProbeModel(), { ...options, seat })
  const bootstrap = `const { workerData } = require('node:worker_threads')
import(workerData.module).then(({ default: main }) => main(undefined, workerData.input))`
  const input = { seat, index: 0 }
  const worker = new Worker(bootstrap, { eval: true, workerData: { module: mateModule.href, input } })
  const end = once(worker, 'exit')
  try {
    for (let i = 0; i < 500 && trainer.model.parts.crew!.size() < 2; i++)
      await new Promise((done) => setTimeout(done, 10))
    assert.equal(trainer.model.parts.crew!.size(), 2)
    assert.deepEqual([trainer.step(rows).stateHash, trainer.step(rows).stateHash], recorded)
  } finally {
    dismissCrew(seat)
    await end
  }
})

test('a state saved, restored elsewhere and continued is that of a training never stopped; every part of it counts', async () => {
  const one = await openLoraTrainer(makeProbeModel(), options)
  one.step(rows.slice(0, 3))
  const saved = one.state()
  const hash = one.stateHash()
  const expected = one.step(rows.slice(3)).stateHash
  const two = await openLoraTrainer(makeProbeModel(), options)
  two.restore(saved)
  assert.equal(two.step(rows.slice(3)).stateHash, expected)
  for (const at of [saved.length - 1, saved.length - (saved.length >> 2), saved.length >> 1, saved.length >> 2]) {
    const wrong = saved.slice()
    wrong[at]! ^= 1
    two.restore(wrong)
    assert.notEqual(two.stateHash(), hash, `byte ${at}`)
  }
  // The same rows in another order, or another cursor, are another training.
  two.restore(saved)
  assert.notEqual(two.step(rows.slice(3).reverse()).stateHash, expected)
})

test('a state that is cut, or of other options or another model, is refused and changes nothing', async () => {
  const trainer = await openLoraTrainer(makeProbeModel(), options)
  const before = trainer.stateHash()
  const saved = trainer.state()
  const other = await openLoraTrainer(makeProbeModel(), { ...options, learningRate: 1e-3 })
  const broken = [saved.subarray(0, 7), saved.subarray(0, 90), saved.subarray(0, saved.length - 1), other.state()]
  broken.push(saved.with(0, 0), saved.with(7, 255), saved.with(9, 0))
  for (const state of broken) assert.throws(() => trainer.restore(state), { name: 'TrainerStateError' })
  assert.equal(trainer.stateHash(), before)
})

test('rows that cannot be, steps that diverge and closed trainers are typed errors', async () => {
  const trainer = await openLoraTrainer(makeProbeModel(), options)
  const bad: TokenRow[][] = [
    [],
    [{ tokens: [1], mask: [1] }],
    [{ tokens: [1, 2], mask: [1] }],
    [{ tokens: [1, vocabSize], mask: [0, 1] }],
    [{ tokens: [1, 2], mask: [1, 0] }],
    [{ tokens: new Array(1025).fill(1), mask: new Array(1025).fill(1) }],
    new Array(257).fill(rows[0]),
  ]
  for (const some of bad) assert.throws(() => trainer.step(some), { name: 'TrainingRowsError' })
  const values = trainer.state()
  // An infinite weight in the state: the step is refused, and its weights are left.
  const head = 8 + new DataView(values.buffer).getUint32(4, true)
  new DataView(values.buffer).setUint32(head, 0x7f800000, true)
  trainer.restore(values)
  const hash = trainer.stateHash()
  assert.throws(() => trainer.step(rows), { name: 'TrainingDivergedError' })
  assert.equal(trainer.stateHash(), hash)
  trainer.close()
  assert.throws(() => trainer.step(rows), { name: 'TrainingRowsError' })
  for (const wrong of [
    { rank: 0 },
    { alpha: 0 },
    { targets: [] },
    { learningRate: 2 },
    { schedule: 'cosine' as const },
  ]) {
    assert.throws(() => checkLoraOptions({ seed32, ...wrong }), { name: 'LoraOptionsError' })
  }
})

test('the rate rises, then falls as its schedule says; powers and orders are as written', () => {
  const cosine = checkLoraOptions({ seed32, learningRate: 0.5, warmupSteps: 4, totalSteps: 12, schedule: 'cosine' })
  assert.deepEqual(
    [0, 3, 4, 8, 12, 20].map((step) => learningRateAt(cosine, step)),
    [0.125, 0.5, 0.5, 0.25, 0, 0],
  )
  const linear = checkLoraOptions({ seed32, learningRate: 0.5, totalSteps: 4, schedule: 'linear' })
  assert.deepEqual(
    [0, 1, 4].map((step) => learningRateAt(linear, step)),
    [0.5, 0.375, 0],
  )
  assert.equal(integerPower(0.5, 10), 2 ** -10)
  assert.equal(integerPower(3, 7), 2187)
  const order = shuffledRows(seed32, 0, 1000)
  assert.deepEqual(
    [...order].sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  )
  assert.notDeepEqual(shuffledRows(seed32, 1, 1000), order)
  assert.ok(order.filter((row, i) => row === i).length < 10)
})

test('a run reports its progress, stops between steps and goes on with the batches that were left', async () => {
  const plan = { epochs: 2, batchRows: 3 }
  const whole = await openLoraTrainer(makeProbeModel(), options)
  const seen: number[] = []
  let ms = 0
  const nowMs = () => (ms += 500)
  const finished = await runTraining(whole, rows.slice(0, 4), plan, {
    nowMs,
    onProgress: ({ step, totalSteps, epoch, tokens, tokensPerSecond }) => {
      seen.push(epoch)
      assert.deepEqual([step, totalSteps, tokensPerSecond], [seen.length, totalStepsOf(4, plan), tokens * 2])
    },
  })
  assert.ok(finished)
  assert.deepEqual(seen, [0, 0, 1, 1])
  const part = await openLoraTrainer(makeProbeModel(), options)
  const stop = new AbortController()
  assert.equal(
    await runTraining(part, rows.slice(0, 4), plan, { signal: stop.signal, onProgress: () => stop.abort() }),
    false,
  )
  const rest = await openLoraTrainer(makeProbeModel(), options)
  rest.restore(part.state())
  assert.ok(await runTraining(rest, rows.slice(0, 4), plan))
  assert.equal(rest.stateHash(), whole.stateHash())
})

test('killed with SIGKILL in the middle and resumed from what it had saved, it ends in the same state', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'weightless-training-'))
  const run = (name: string) =>
    spawn(process.execPath, [new URL('./trainAndSave.cases.ts', import.meta.url).pathname, join(folder, name)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
  const outcome = async (name: string, killAfter?: number): Promise<string> => {
    const child = run(name)
    let text = ''
    for await (const piece of child.stdout) {
      text += piece
      if (killAfter !== undefined && text.split('\n').length > killAfter) child.kill('SIGKILL')
    }
    return text.trim().split('\n').at(-1)!
  }
  try {
    const [expected, stopped] = await Promise.all([outcome('whole'), outcome('killed', 3)])
    assert.match(expected, /^12 0x/)
    assert.doesNotMatch(stopped, /^12 /)
    assert.ok(readFileSync(join(folder, 'killed')).length > 0)
    assert.equal(await outcome('killed'), expected)
  } finally {
    rmSync(folder, { recursive: true })
  }
})
