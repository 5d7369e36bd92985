import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { describeModel } from '../model/loadModel.ts'
import { makeProbeModel } from '../selfCheck/makeProbeModel.ts'
import { DatasetInvalidError, readDataset } from './readDataset.ts'

const probe = await describeModel(makeProbeModel())
const bard = await describeModel(
  new Uint8Array(readFileSync(new URL('../../models/weightless-bard-1m.gguf', import.meta.url))),
)

const file = (...lines: unknown[]) => new TextEncoder().encode(lines.map((line) => JSON.stringify(line)).join('\n'))

/** The text that is learnt, and the whole. */
function textsOf(model: typeof probe, ...lines: unknown[]) {
  const { tokenizer } = model
  const show = (tokens: readonly number[]) => {
    return tokens.map((token) => tokenizer.decode([token]) || tokenizer.tokenText(token)).join('')
  }
  return readDataset(file(...lines), model).rows.map(({ tokens, mask }) => ({
    whole: show(tokens),
    learnt: show(tokens.filter((_, i) => mask[i] === 1)),
  }))
}

const talk = {
  messages: [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'One?' },
    { role: 'assistant', content: 'Yes, one.' },
    { role: 'user', content: 'Two?' },
    { role: 'assistant', content: 'No.' },
    { role: 'user', content: 'Unanswered' },
  ],
}

test('of a conversation the answers are learnt, each with the token that ends it, after the prompt of inference', () => {
  const [row] = readDataset(file(talk), bard).rows
  const prompt = bard.promptTokens(talk.messages.slice(0, 4))
  const learnt = row!.tokens.filter((_, i) => row!.mask[i] === 1)
  assert.deepEqual(row!.tokens.slice(0, prompt.length), prompt)
  const stops = learnt.flatMap((token, i) => (bard.tokenizer.isStop(token) ? [i] : []))
  assert.equal(stops.length, 2)
  assert.equal(bard.tokenizer.decode(learnt.slice(0, stops[0])), 'Yes, one.')
  assert.equal(bard.tokenizer.decode(learnt.slice(stops[0]! + 1, stops[1])), 'No.')
  const texts = textsOf(probe, talk)
  assert.ok(texts[0]!.learnt.includes('Yes, one.<|im_end|>') && !texts[0]!.learnt.includes('Two?'))
})

test('instructions become conversations; prompts and plain text stay bare, with a chat template or without', () => {
  const pairs = [
    {
      messages: [
        { role: 'user', content: 'Two and two?' },
        { role: 'assistant', content: 'Four.' },
      ],
    },
    { instruction: 'Two and two?', output: 'Four.' },
    { instruction: 'Two and', input: 'two?', output: 'Four.' },
  ]
  const texts = textsOf(bard, ...pairs)
  for (const { learnt } of texts) assert.match(learnt, /^Four\./)
  assert.equal(texts[0]!.whole, texts[1]!.whole)
  assert.match(texts[2]!.whole, /Two and\n\ntwo\?/)
  for (const model of [bard, probe]) {
    const { tokenizer } = model
    const [head, rest] = ['Two and <|im_end|>', ' two'].map((text) => tokenizer.encode(text, { special: false }))
    const tokens = [...head!, ...rest!, tokenizer.tables.endToken]
    const mask = tokens.map((_, at) => (at < head!.length ? 0 : 1))
    const bare = { prompt: 'Two and <|im_end|>', completion: ' two' }
    assert.deepEqual(readDataset(file(bare), model).rows, [{ tokens, mask }])
  }
  const plain = readDataset(file({ text: 'A line of a play <|im_end|>' }), bard)
  assert.equal(plain.rows[0]!.mask.indexOf(0), 0)
  assert.equal(plain.counted, plain.tokens - 1)
  // A special token is not conjured up by text.
  assert.equal(plain.rows[0]!.tokens.filter((token) => bard.tokenizer.isStop(token)).length, 1)
})

test('rows are cut at the limit, counted, and refused when nothing is left to learn', () => {
  const long = { prompt: 'Say it.', completion: 'word '.repeat(200) }
  const { rows, truncatedRows } = readDataset(file(long), bard, { rowTokensMax: 64 })
  assert.deepEqual([rows[0]!.tokens.length, rows[0]!.mask.length, truncatedRows], [64, 64, 1])
  assert.throws(() => readDataset(file(long), bard, { rowTokensMax: 4 }), /nothing to learn in what fits \(line 1\)/)
})

const good = { text: 'good' }
for (const [reason, bytes] of [
  ['it has no rows', new TextEncoder().encode('\n \r\n')],
  ['it is not JSON in UTF-8 (line 2)', new TextEncoder().encode('{"text":"a"}\n{"text":')],
  ['it is not JSON in UTF-8 (line 1)', Uint8Array.of(0x22, 0xff, 0x22)],
  ['it is not a JSON object (line 3)', file(good, good, [])],
  ['it has none of “messages”, “prompt” with “completion”', file(good, { a: 1 })],
  ['“completion” is not text (line 1)', file({ prompt: 'a' })],
  ['“output” is empty (line 2)', file(good, { instruction: 'a', output: '' })],
  ['“messages” is not a list of 1 to 1024 messages (line 1)', file({ messages: [] })],
  ['message 1 has not the role', file({ messages: [null] })],
  ['the “content” of message 1 is not text (line 1)', file({ messages: [{ role: 'user' }] })],
  ['no message of the assistant answers one before it', file({ messages: [{ role: 'user', content: 'a' }] })],
  ['it is longer than 1 MiB (line 1)', file({ text: 'a'.repeat(2 ** 20) })],
] as const) {
  test(`refused: ${reason}`, () => {
    assert.throws(
      () => readDataset(bytes, bard),
      (error: Error) => error instanceof DatasetInvalidError && error.message.includes(reason),
    )
  })
}

test('limits of rows and tokens name the line that passed them', () => {
  assert.throws(() => readDataset(file(good, good, good), bard, { rowsMax: 2 }), /more than 2 rows \(line 3\)/)
  assert.throws(() => readDataset(file(good, good), bard, { tokensMax: 3 }), /more than 3 tokens \(line [12]\)/)
})

test('any JSON and any bytes are read or refused', () => {
  const attempt = (bytes: Uint8Array) => {
    try {
      readDataset(bytes, probe)
    } catch (error) {
      assert.ok(error instanceof DatasetInvalidError, String(error))
    }
  }
  const message = fc.record({ role: fc.constantFrom('user', 'assistant', 'x'), content: fc.string() })
  const line = fc.oneof(fc.jsonValue(), fc.record({ messages: fc.array(message) }), fc.record({ text: fc.string() }))
  fc.assert(fc.property(fc.array(line, { maxLength: 4 }), (lines) => attempt(file(...lines))))
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), attempt))
})
