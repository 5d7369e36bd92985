/** Schemas and calls of functions by the Responses API on the exact engine, through provider and gateway: the chats that they mean, re-executed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createExactStage, eventsOf } from './exactStage.ts'

const schema = {
  type: 'object',
  properties: { colour: { enum: ['red', 'green'] }, bright: { type: 'boolean' } },
  required: ['colour', 'bright'],
  additionalProperties: false,
}
const look = { type: 'function', name: 'look_up', description: 'Looks up.', parameters: schema }
const stop = { type: 'function', name: 'stop' }
const drawn = { model: 'tiny', seed: 5, temperature: 0.9 }
const asked = { ...drawn, input: 'Say something.', max_output_tokens: 120 }
const messages = [{ role: 'user', content: asked.input }]
const chat = { ...drawn, messages, max_tokens: asked.max_output_tokens }

const stage = createExactStage()
const { ask, bundleOf, verify, verified } = stage
const respond = (change: object) => ask({ ...asked, ...change }, 'responses')

function checkValue(text: string): void {
  const { colour, bright, ...others } = JSON.parse(text) as Record<string, unknown>
  assert.ok((colour === 'red' || colour === 'green') && typeof bright === 'boolean', text)
  assert.deepEqual(others, {})
}

describe('an exact engine asked for responses with schemas and functions', () => {
  before(stage.open)
  after(stage.close)

  test('a response obeys its schema, whole and streamed, and is the chat with that schema', async () => {
    const format = { type: 'json_schema', name: 'answer', strict: true, schema }
    const answer = await respond({ text: { format } })
    const whole = await answer.json()
    assert.deepEqual(whole.text, { format: { ...format, description: null } })
    assert.equal(whole.status, 'completed')
    const [{ text }] = whole.output[0].content
    checkValue(text)
    const bundle = await verified(answer)
    assert.deepEqual(JSON.parse(bundle.opening.shape!.schema), schema)
    const other = { ...bundle.opening, shape: { ...bundle.opening.shape!, schema: '{}' } }
    const verdict = await verify({ ...bundle, opening: other })
    assert.equal(verdict.accepted ? '' : verdict.fault, 'commitment')
    const response_format = { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } }
    const same = await ask({ ...chat, response_format })
    assert.equal((await same.json()).choices[0].message.content, text)
    const stream = await respond({ text: { format }, stream: true })
    const events = eventsOf(await stream.text())
    assert.equal(events.map((event) => (event.type.endsWith('text.delta') ? event.delta : '')).join(''), text)
    assert.deepEqual(events.at(-1).response.output[0].content[0].text, text)
    assert.equal((await verified(stream)).opening.outputText, text)
  })

  test('json_object is any object', async () => {
    const answer = await respond({ text: { format: { type: 'json_object' } }, max_output_tokens: 20 })
    const whole = await answer.json()
    assert.deepEqual(whole.text, { format: { type: 'json_object' } })
    assert.ok(whole.output[0].content[0].text.startsWith('{'))
    assert.equal((await bundleOf(answer)).opening.shape!.schema, '{"type":"object"}')
    await verified(answer)
  })

  test('a forced call is an item with arguments that obey its parameters, and the chat with that function', async () => {
    const forced = { tools: [look, stop], tool_choice: { type: 'function', name: 'look_up' } }
    const answer = await respond(forced)
    const whole = await answer.json()
    assert.deepEqual(
      [whole.tools, whole.tool_choice, whole.parallel_tool_calls],
      [forced.tools, forced.tool_choice, true],
    )
    assert.deepEqual([whole.status, whole.output.length], ['completed', 1])
    const [{ id, call_id, arguments: given, ...item }] = whole.output
    assert.deepEqual(item, { type: 'function_call', status: 'completed', name: 'look_up' })
    assert.match(`${id} ${call_id}`, /^fc_\w+ call_\w+$/)
    checkValue(given)
    await verified(answer)
    const { type, ...inChat } = look
    const tool_choice = { type: 'function', function: { name: 'look_up' } }
    const chatTools = [
      { type, function: inChat },
      { type, function: { name: 'stop' } },
    ]
    const same = await (await ask({ ...chat, tools: chatTools, tool_choice })).json()
    assert.equal(same.choices[0].message.tool_calls[0].function.arguments, given)
    assert.equal(same.usage.total_tokens, whole.usage.total_tokens)

    const stream = await respond({ ...forced, stream: true })
    const events = eventsOf(await stream.text())
    assert.ok(events.every(({ sequence_number }, at) => sequence_number === at))
    const types = events.map((event) => event.type).filter((name, at, all) => name !== all[at - 1])
    assert.deepEqual(types, [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.function_call_arguments.delta',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ])
    const deltas = events.filter((event) => event.type.endsWith('arguments.delta'))
    assert.ok(deltas.length > 2, 'arguments come in pieces')
    assert.equal(deltas.map(({ delta }) => delta).join(''), given)
    const shown = events.at(-1).response.output
    assert.ok(deltas.every(({ item_id, output_index }) => item_id === shown[0].id && output_index === 0))
    assert.equal(events.find((event) => event.type.endsWith('arguments.done')).arguments, given)
    assert.deepEqual(events.find((event) => event.type.endsWith('item.done')).item, shown[0])
    assert.deepEqual([shown.length, shown[0].arguments, shown[0].name], [1, given, 'look_up'])
    await verified(stream)
  })

  test('a call that the limit of tokens cuts is incomplete', async () => {
    const answer = await respond({ tools: [look], tool_choice: 'required', max_output_tokens: 40 })
    const whole = await answer.json()
    assert.deepEqual([whole.status, whole.output.at(-1).status], ['incomplete', 'incomplete'])
    const { opening } = await verified(answer)
    assert.equal(opening.finishReason, 'length')
  })

  test('left to itself the model answers with a message or calls, streamed as whole; with none it is not told', async () => {
    const free = { tools: [stop], max_output_tokens: 10 }
    const answer = await respond(free)
    const whole = await answer.json()
    assert.ok(whole.output.every((item: { type: string }) => /^(message|function_call)$/.test(item.type)))
    const told = (await verified(answer)).receipt.promptTokens
    const stream = await respond({ ...free, stream: true })
    const last = eventsOf(await stream.text()).at(-1).response
    const bare = (output: { id: string }[]) => output.map(({ id: _, ...item }) => item)
    assert.deepEqual(bare(last.output), bare(whole.output))
    await verified(stream)
    const none = await respond({ ...free, tool_choice: 'none' })
    const plain = await respond({ max_output_tokens: 10 })
    const textOf = async (response: Response) => (await response.json()).output[0].content[0].text
    assert.equal(await textOf(none), await textOf(plain))
    assert.ok(told > (await verified(none)).receipt.promptTokens)
  })

  test('a call and its result go back into the conversation', async () => {
    const first = await (await respond({ tools: [stop], tool_choice: 'required', parallel_tool_calls: false })).json()
    const [call] = first.output
    assert.deepEqual([call.name, call.arguments], ['stop', '{}'])
    const result = { type: 'function_call_output', call_id: call.call_id, output: 'stopped' }
    const input = [...messages, ...first.output, result]
    const { opening } = await verified(await respond({ input, tools: [stop], max_output_tokens: 8 }))
    assert.deepEqual(opening.messages, [
      ...messages,
      { role: 'assistant', content: '<tool_call>\n{"name": "stop", "arguments": {}}\n</tool_call>' },
      { role: 'tool', content: 'stopped' },
    ])
  })
})
