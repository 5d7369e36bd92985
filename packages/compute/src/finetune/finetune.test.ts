/** The parts of a fine-tuning provider that decide alone: parameters, datasets, a delivery of several chunks, another program as worker. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { describeModel, readDataset as readRows } from '@weightless/tensor'
import fc from 'fast-check'
import { encodeExamples } from './encodeExamples.ts'
import { createProcessWorker, type LineProcess } from './processWorker.ts'
import { readDataset } from './readDataset.ts'
import { readTrainingParameters } from './trainingParameters.ts'
import { TrainingFailedError, TrainingRefusedError, type TrainingSnapshot } from './trainingWorker.ts'

const parameters = () => {
  const read = readTrainingParameters('{}')
  assert.ok(read.ok)
  return read.value.parameters
}

test('parameters have Hugging Face’s names, and what has no effect is named', () => {
  const text =
    '{"neftune_noise_alpha":5,"num_train_epochs":1,"per_device_train_batch_size":2,"learning_rate":0.0002,"max_steps":3}'
  const read = readTrainingParameters(text)
  assert.ok(read.ok)
  assert.deepEqual(read.value.unused, ['neftune_noise_alpha'])
  assert.deepEqual(read.value.parameters, { ...parameters(), epochs: 1, batchRows: 2, learningRate: 2e-4, stepsMax: 3 })
  for (const bad of ['', '[]', '{"lora_r":0}', '{"max_steps":1.5}', '{"target_modules":["head"]}', ' '.repeat(20_000)])
    assert.equal(readTrainingParameters(bad).ok, false, bad.slice(0, 30))
})

test('datasets of all four forms are read; each answer of a conversation is an example', () => {
  const [user, assistant] = [
    { role: 'user', content: 'q' },
    { role: 'assistant', content: 'a' },
  ] as const
  const lines = [
    { messages: [user, assistant, user, assistant] },
    { prompt: 'p', completion: 'c' },
    { instruction: 'q', input: '', output: 'a' },
    { instruction: 'q', input: 'i', output: 'a' },
    { text: 't' },
  ]
  const read = readDataset(textToBytes(`${lines.map((line) => JSON.stringify(line)).join('\n')}\n\n`))
  assert.ok(read.ok)
  assert.deepEqual(read.value, [
    { messages: [user, assistant] },
    { messages: [user, assistant, user, assistant] },
    { prompt: 'p', completion: 'c' },
    { messages: [user, assistant] },
    { messages: [{ role: 'user', content: 'q\n\ni' }, assistant] },
    { prompt: '', completion: 't' },
  ])
})

test('bare text gives the rows that the trainer’s own reader gives: no template around it, though the model has one', async () => {
  const bard = new Uint8Array(readFileSync(new URL('../../../tensor/models/weightless-bard-1m.gguf', import.meta.url)))
  const model = await describeModel(bard)
  assert.ok(model.hasChat)
  const own = { ...parameters(), heldOutShare: 0, rowTokensMax: 64 }
  for (const line of [
    { prompt: 'Shall I <|im_end|>', completion: ' compare thee' },
    { prompt: '', completion: 'to a summer’s day?' },
    { text: 'Thou art more lovely' },
    { prompt: 'long '.repeat(8), completion: 'and longer '.repeat(40) },
  ]) {
    const file = textToBytes(JSON.stringify(line))
    const read = readDataset(file)
    assert.ok(read.ok)
    const { rows } = encodeExamples(model, read.value, own)
    assert.deepEqual(rows, readRows(file, model, { rowTokensMax: 64 }).rows)
    const [{ tokens }] = rows as [(typeof rows)[number]]
    const told = 'prompt' in line ? line.prompt + line.completion : line.text
    const heads = tokens.slice(0, 3)
    assert.ok(told.startsWith(model.tokenizer.decode(heads)), 'the row begins with the text itself')
  }
})

test('a bad dataset is refused by its line, whatever it is, and quotes nothing', () => {
  const bad = readDataset(textToBytes('{"text":"fine"}\n{"secret":"word"}'))
  assert.match(bad.ok ? '' : bad.detail!, /^line 2 cannot be used: it has none of “messages”/)
  assert.doesNotMatch(bad.ok ? '' : bad.detail!, /secret|word/)
  assert.equal(readDataset(new Uint8Array([0xff, 0xfe])).ok, false)
  assert.equal(readDataset(textToBytes('\n\n')).ok, false)
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => void readDataset(bytes)))
})

test('another program trains: its plan, its points, its adapter', async () => {
  const said: string[] = []
  const worker = workerOf(said, [
    '{"op":"opened","rows":3,"heldOutRows":1,"steps":2,"trainedTokens":40}',
    '{"op":"point","step":1,"steps":2,"loss":2.5,"trainedTokens":20,"tokensPerSecond":7}',
    '{"op":"trained","adapter":"AQID","trainedTokens":40,"tuned":{"loss":1,"accuracy":0.5}}',
  ])
  const session = await worker.open(job)
  assert.deepEqual(session.plan, { rows: 3, heldOutRows: 1, steps: 2, trainedTokens: 40 })
  const points: number[] = []
  const { adapter, tuned } = await session.train({ onPoint: ({ loss }) => points.push(loss) })
  assert.deepEqual([[...adapter], tuned, points], [[1, 2, 3], { loss: 1, accuracy: 0.5 }, [2.5]])
  assert.deepEqual(
    said.map((line) => JSON.parse(line).op),
    ['open', 'train'],
  )
})

test('another program goes on from what it had saved', async () => {
  const said: string[] = []
  const worker = workerOf(said, [
    '{"op":"opened","rows":3,"heldOutRows":1,"steps":4,"trainedTokens":40}',
    '{"op":"begun","step":2}',
    '{"op":"snapshot","step":3,"trainedTokens":30,"base":{"loss":2,"accuracy":0},"state":"BAUG"}',
    '{"op":"trained","adapter":"AQID","trainedTokens":40}',
  ])
  const session = await worker.open(job)
  const resume = { step: 2, trainedTokens: 20, base: { loss: 2, accuracy: 0 }, state: new Uint8Array([1, 2, 3]) }
  const [begun, saved]: [number[], TrainingSnapshot[]] = [[], []]
  await session.train({ resume, onBegin: (step) => begun.push(step), onSnapshot: (snapshot) => saved.push(snapshot) })
  assert.deepEqual(JSON.parse(said[1]!), { op: 'train', resume: { ...resume, state: 'AQID' } })
  assert.deepEqual(begun, [2])
  assert.deepEqual(saved, [{ ...resume, step: 3, trainedTokens: 30, state: new Uint8Array([4, 5, 6]) }])
})

test('a saved state that is not base64, or of no step, is nonsense', async () => {
  for (const [step, state] of [
    [1, '"?"'],
    [0, '"AQID"'],
    [1, '5'],
  ]) {
    const line = `{"op":"snapshot","step":${step},"trainedTokens":1,"state":${state}}`
    const opened = '{"op":"opened","rows":3,"heldOutRows":1,"steps":4,"trainedTokens":40}'
    const session = await workerOf([], [opened, line]).open(job)
    await assert.rejects(session.train({}), TrainingFailedError)
  }
})

test('all weights are a method of its own, and no work for a program that trains adapters', async () => {
  const read = readTrainingParameters('{"method":"full"}')
  assert.ok(read.ok && read.value.parameters.method === 'full' && read.value.unused.length === 0)
  assert.equal(readTrainingParameters('{"method":"half"}').ok, false)
  const said: string[] = []
  const opened = workerOf(said, ['{"op":"opened","rows":3,"heldOutRows":1,"steps":2,"trainedTokens":40}'])
  await assert.rejects(opened.open({ ...job, parameters: read.value.parameters }), TrainingRefusedError)
  assert.deepEqual(said, [])
})

test('a program that refuses, ends or speaks nonsense is told apart', async () => {
  await assert.rejects(workerOf([], ['{"op":"refused","reason":"no template"}']).open(job), TrainingRefusedError)
  for (const line of ['{"op":"failed","reason":"x"}', '{"op":"opened","rows":-1}', 'hello', undefined])
    await assert.rejects(workerOf([], line === undefined ? [] : [line]).open(job), TrainingFailedError)
})

const root = `0x${'11'.repeat(32)}` as const
const job = { taskId: 't', modelRoot: root, examples: [{ prompt: 'p', completion: 'c' }], parameters: parameters() }

function workerOf(said: string[], lines: readonly string[]) {
  const start = (): LineProcess => ({
    send: (line) => void said.push(line),
    lines: (async function* () {
      yield* lines
    })(),
    close: async () => undefined,
  })
  return createProcessWorker({ name: 'test', start, modelPathOf: () => '/model' })
}
