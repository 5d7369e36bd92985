/** Schemas and calls of functions on the exact engine, through provider and gateway: every receipt is re-executed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { loadModel } from '@weightless/tensor'
import { createExactStage, eventsOf, weights } from './exactStage.ts'

const { tokenizer } = await loadModel(weights)
/** The model's weights are random: ends are pushed, so that its answers come to one. */
const logit_bias = Object.fromEntries([...tokenizer.tables.stopTokens, ...tokenizer.encode('"}')].map((id) => [id, 9]))
const asked = {
  model: 'tiny',
  messages: [{ role: 'user', content: 'Say something.' }],
  max_tokens: 120,
  seed: 5,
  temperature: 0.9,
  logit_bias,
}
const schema = {
  type: 'object',
  properties: {
    colour: { enum: ['red', 'green'] },
    count: { type: 'integer' },
    note: { type: 'string', maxLength: 4 },
  },
  required: ['colour', 'count'],
  additionalProperties: false,
}
const format = { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } }
const look = { type: 'function', function: { name: 'look_up', description: 'Looks up.', parameters: schema } }
const stop = { type: 'function', function: { name: 'stop' } }

const stage = createExactStage()
const { ask, bundleOf, verify, verified } = stage

function checkValue(text: string): void {
  const { colour, count, note = '', ...others } = JSON.parse(text) as Record<string, unknown>
  assert.ok(colour === 'red' || colour === 'green', text)
  assert.ok(Number.isInteger(count) && [...String(note)].length <= 4, text)
  assert.deepEqual(others, {})
}

describe('an exact engine with schemas and tools', () => {
  before(stage.open)
  after(stage.close)

  test('an answer obeys its schema, alone and as one of several, whole and streamed', async () => {
    const answer = await ask({ ...asked, response_format: format, n: 2 })
    const { choices } = (await answer.json()) as Completion
    for (const { message, finish_reason } of choices) {
      assert.equal(finish_reason, 'stop')
      checkValue(message.content!)
    }
    const { opening } = await verified(answer)
    assert.deepEqual(JSON.parse(opening.shape!.schema), schema)
    const stream = await ask({ ...asked, response_format: format, stream: true })
    const text = eventsOf(await stream.text())
      .map((event) => event.choices[0]?.delta.content ?? '')
      .join('')
    checkValue(text)
    await verified(stream)
  })

  test('patterns, formats, bounds, combinations and recursion hold an answer, and its receipt is re-executed', async () => {
    const leaf = { type: 'object', properties: { kind: { const: 'leaf' }, day: { type: 'string', format: 'date' } } }
    const twig = {
      type: 'object',
      properties: { kind: { const: 'twig' }, of: { type: 'array', items: { $ref: '#' }, maxItems: 1 } },
    }
    const branch = {
      ...leaf,
      properties: { ...leaf.properties, count: { type: 'integer', minimum: 3, multipleOf: 5 } },
    }
    const required = (of: { properties: object }) => ({ ...of, required: Object.keys(of.properties) })
    const code = { code: { type: 'string', pattern: '^(?!bb)[ab]{2}-' } }
    const tree = {
      allOf: [
        { type: 'object', properties: code, required: ['code'] },
        { oneOf: [branch, twig].map((of) => ({ ...required(of), additionalProperties: true })) },
      ],
    }
    const json_schema = { name: 'tree', schema: tree }
    const answer = await ask({ ...asked, max_tokens: 200, response_format: { type: 'json_schema', json_schema } })
    const { choices } = (await answer.json()) as Completion
    const value = JSON.parse(choices[0]!.message.content!) as Record<string, unknown>
    assert.match(String(value.code), /^(?!bb)[ab]{2}-/)
    assert.ok(value.kind === 'twig' ? Array.isArray(value.of) : Number(value.count) % 5 === 0 && value.day, `${value}`)
    const { opening } = await verified(answer)
    assert.deepEqual(JSON.parse(opening.shape!.schema), tree)
  })

  test('json_object is any object', async () => {
    const answer = await ask({ ...asked, response_format: { type: 'json_object' } })
    const { choices } = (await answer.json()) as Completion
    if (choices[0]!.finish_reason === 'stop') assert.equal(typeof JSON.parse(choices[0]!.message.content!), 'object')
    assert.ok(choices[0]!.message.content!.startsWith('{'))
    await verified(answer)
  })

  test('a forced call has arguments that obey its parameters, whole and streamed alike', async () => {
    const tool_choice = { type: 'function', function: { name: 'look_up' } }
    const forced = { ...asked, tools: [look, stop], tool_choice }
    const answer = await ask(forced)
    const { choices } = (await answer.json()) as Completion
    const { message, finish_reason } = choices[0]!
    assert.equal(finish_reason, 'tool_calls')
    assert.equal(message.content, null)
    assert.equal(message.tool_calls!.length, 1)
    const [call] = message.tool_calls!
    assert.equal(call!.function.name, 'look_up')
    assert.match(call!.id, /^call_/)
    checkValue(call!.function.arguments)
    await verified(answer)
    const stream = await ask({ ...forced, stream: true, stream_options: { include_usage: true } })
    const events = eventsOf(await stream.text())
    const deltas = events.flatMap((event) => event.choices[0]?.delta.tool_calls ?? [])
    assert.equal(deltas[0].function.name, 'look_up')
    assert.equal(deltas.map((delta) => delta.function.arguments).join(''), call!.function.arguments)
    assert.ok(deltas.length > 2, 'arguments come in pieces')
    assert.equal(events.at(-2).choices[0].finish_reason, 'tool_calls')
    await verified(stream)
  })

  test('required calls something, parallel_tool_calls false at most one thing, none nothing', async () => {
    const answer = await ask({ ...asked, tools: [stop], tool_choice: 'required', parallel_tool_calls: false })
    const { message } = ((await answer.json()) as Completion).choices[0]!
    assert.deepEqual(
      message.tool_calls!.map((call) => call.function),
      [{ name: 'stop', arguments: '{}' }],
    )
    await verified(answer)
    const none = await ask({ ...asked, tools: [stop], tool_choice: 'none' })
    const plain = await ask(asked)
    const contentOf = async (response: Response) => ((await response.json()) as Completion).choices[0]!.message.content
    assert.equal(await contentOf(none), await contentOf(plain))
  })

  test('left to itself the model answers with text or a call, and both are verified', async () => {
    const answer = await ask({ ...asked, tools: [look], max_tokens: 10 })
    const { message } = ((await answer.json()) as Completion).choices[0]!
    assert.ok(message.tool_calls ? message.content === null : typeof message.content === 'string')
    const told = (await verified(answer)).receipt.promptTokens
    assert.ok(told > (await verified(await ask(asked))).receipt.promptTokens, 'the model is told of its tools')
  })

  test('a call and its result go back into the conversation', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'stop', arguments: '{}' } }
    const messages = [
      ...asked.messages,
      { role: 'assistant', content: null, tool_calls: [call] },
      { role: 'tool', tool_call_id: 'call_1', content: 'stopped' },
    ]
    const { opening } = await verified(await ask({ ...asked, messages, tools: [stop], max_tokens: 8 }))
    assert.deepEqual(opening.messages.slice(1), [
      { role: 'assistant', content: '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>' },
      { role: 'tool', content: 'stopped' },
    ])
  })

  test('another schema than the one asked for is named', async () => {
    const bundle = await bundleOf(await ask({ ...asked, response_format: format }))
    const { opening } = bundle
    const verdict = await verify({ ...bundle, opening: { ...opening, shape: { ...opening.shape!, schema: '{}' } } })
    assert.equal(verdict.accepted ? '' : verdict.fault, 'commitment')
  })

  test('what cannot be held to is refused by name', async () => {
    const of = (part: object) => ({ response_format: { ...format, json_schema: { name: 'x', schema: part } } })
    const forced = (name: string) => ({ tool_choice: { type: 'function', function: { name } } })
    const cases: [object, string][] = [
      [of({ type: 'string', pattern: '(a)\\1' }), '400 unsupported_parameter response_format'],
      [
        of({ type: 'object', properties: { a: { type: 'array', uniqueItems: true } } }),
        '400 unsupported_parameter response_format',
      ],
      [{ response_format: { type: 'grammar' } }, '400 invalid_value response_format.type'],
      [{ response_format: { type: 'json_schema' } }, '400 invalid_value response_format.json_schema'],
      [{ tools: [{ type: 'function', function: { name: 'a b' } }] }, '400 unsupported_parameter tools'],
      [{ tools: [stop, stop] }, '400 unsupported_parameter tools'],
      [{ tools: [{ type: 'web_search' }] }, '400 unsupported_parameter tools'],
      [{ tools: [look], ...forced('other') }, '400 unsupported_parameter tool_choice'],
      [{ ...forced('stop') }, '400 invalid_value tool_choice'],
      [{ tools: Array.from({ length: 65 }, () => stop) }, '400 invalid_value tools'],
      [{ functions: [stop.function] }, '400 unsupported_parameter functions'],
    ]
    for (const [change, expected] of cases) {
      const answer = await ask({ ...asked, ...change })
      const { error } = (await answer.json()) as { error: { code: string; param: string } }
      assert.equal(`${answer.status} ${error.code} ${error.param}`, expected, JSON.stringify(change).slice(0, 90))
    }
  })
})

type Completion = {
  choices: {
    finish_reason: string
    message: {
      content: string | null
      tool_calls?: { id: string; function: { name: string; arguments: string } }[]
    }
  }[]
}
