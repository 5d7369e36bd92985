/** Raw prompts and the Responses API on the exact engine, through provider and gateway: every receipt is re-executed. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { isChatBundle, readBundle, verifyBundle } from '@weightless/receipt'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'

const weights = new Uint8Array(readFileSync(tinyModel))
const model = 'tiny'
const headers = { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' }

let net: ComputeNet
let gatewayUrl: string
let providerUrl: string

const ask = (path: string, body: unknown) =>
  fetch(`${gatewayUrl}/v1/${path}`, { method: 'POST', headers, body: JSON.stringify(body) })

/** The opened receipt of an answer, re-executed from the model's weights. */
async function verified(answer: Response) {
  const id = answer.headers.get('x-weightless-receipt')
  const response = await fetch(`${gatewayUrl}/v1/receipts/${id}`, { headers })
  assert.equal(response.status, 200)
  const read = readBundle(await response.json())
  assert.ok(read.ok && isChatBundle(read.value))
  const verdict = await verifyBundle(read.value, {
    loadWeights: async () => weights,
    expected: { settlement: contracts.receiptSettlement },
  })
  assert.ok(verdict.accepted && verdict.reExecuted, JSON.stringify(verdict))
  return read.value
}

const eventsOf = (text: string) =>
  [...text.matchAll(/^(?:event: (.*)\n)?data: (\{.*)$/gm)].map(([, name, json]) => ({ name, ...JSON.parse(json!) }))

const refusalOf = async (path: string, body: unknown) => {
  const answer = await ask(path, body)
  const { error } = (await answer.json()) as { error: { code: string; param: string | null } }
  return `${answer.status} ${error.code} ${error.param}`
}

describe('what an exact engine answers beside chats', () => {
  before(async () => {
    net = await startComputeNet()
    const provider = await net.startProvider()
    await Promise.all([provider.ready, net.deposit(2, tokens(100))])
    providerUrl = provider.url
    gatewayUrl = (await net.startGateway({ limits: { directoryAgeMsMax: 0 } })).url
  })

  after(() => net.close())

  test('it is registered for all three services', async () => {
    const { data } = await (await fetch(`${gatewayUrl}/v1/providers`, { headers })).json()
    assert.deepEqual(data[0].services, ['chat', 'completions', 'responses'])
  })

  const prompt = 'Once upon a time'
  const drawn = { model, prompt, max_tokens: 12, seed: 7, temperature: 0.9 }

  test('a raw prompt goes to the model as it is, whole and streamed alike, with a receipt that re-execution confirms', async () => {
    const answer = await ask('completions', drawn)
    const whole = await answer.json()
    assert.equal(whole.object, 'text_completion')
    assert.match(whole.id, /^cmpl-/)
    assert.equal(answer.headers.get('x-weightless-receipt'), whole.id)
    assert.equal(whole.choices[0].finish_reason, 'length')
    assert.equal(whole.choices[0].logprobs, null)
    const bundle = await verified(answer)
    assert.deepEqual(bundle.opening.messages, [{ role: 'prompt', content: prompt }])
    assert.equal(bundle.opening.outputText, whole.choices[0].text)
    assert.equal(Number(bundle.receipt.promptTokens), whole.usage.prompt_tokens)
    const stream = await ask('completions', {
      ...drawn,
      prompt: [prompt],
      stream: true,
      stream_options: { include_usage: true },
    })
    const text = await stream.text()
    assert.ok(text.endsWith('data: [DONE]\n\n'))
    const events = eventsOf(text)
    assert.ok(events.every(({ object }) => object === 'text_completion'))
    assert.equal(events.map(({ choices }) => choices[0]?.text ?? '').join(''), whole.choices[0].text)
    assert.deepEqual(events.at(-1).usage, whole.usage)
    assert.equal(events.at(-2).choices[0].finish_reason, 'length')
    await verified(stream)
  })

  test('log-probabilities in the form of completions: whole, streamed, with the offsets of the text', async () => {
    const whole = await (await ask('completions', { ...drawn, logprobs: 2 })).json()
    const { tokens: listed, token_logprobs, top_logprobs, text_offset } = whole.choices[0].logprobs
    assert.ok([token_logprobs, top_logprobs, text_offset].every(({ length }) => length === 12 && listed.length === 12))
    assert.equal(text_offset[0], 0)
    for (const [at, top] of top_logprobs.entries()) {
      assert.equal(top[listed[at]], token_logprobs[at])
      assert.ok(at === 0 || text_offset[at] >= text_offset[at - 1])
      assert.ok(Object.keys(top).length <= 3)
    }
    const stream = await (await ask('completions', { ...drawn, logprobs: 2, stream: true })).text()
    const pieces = eventsOf(stream).map(({ choices }) => choices[0].logprobs)
    assert.deepEqual(
      pieces.flatMap((piece) => piece.text_offset),
      text_offset,
    )
    assert.deepEqual(
      pieces.flatMap((piece) => piece.token_logprobs),
      token_logprobs,
    )
  })

  test('what a completion cannot have is refused by name', async () => {
    const wrong: [object, string][] = [
      [{ best_of: 3 }, '400 unsupported_parameter best_of'],
      [{ echo: true }, '400 unsupported_parameter echo'],
      [{ suffix: 'end' }, '400 unsupported_parameter suffix'],
      [{ prompt: ['a', 'b'] }, '400 unsupported_parameter prompt'],
      [{ prompt: [1, 2, 3] }, '400 unsupported_parameter prompt'],
      [{ prompt: [[1, 2]] }, '400 unsupported_content prompt'],
      [{ prompt: '' }, '400 invalid_value prompt'],
      [{ logprobs: 6 }, '400 invalid_value logprobs'],
      [{ messages: [] }, '400 unknown_parameter messages'],
      [{ prompt: 'word '.repeat(5_000) }, '400 context_length_exceeded prompt'],
    ]
    for (const [change, said] of wrong) {
      assert.equal(await refusalOf('completions', { ...drawn, ...change }), said, JSON.stringify(change).slice(0, 80))
    }
    // The role of a raw prompt is nobody's to take in a chat.
    const role = await refusalOf('chat/completions', { model, messages: [{ role: 'prompt', content: 'x' }] })
    assert.equal(role, '400 invalid_value messages.0.role')
    const unpaid = await fetch(`${providerUrl}/v1/completions`, { method: 'POST', body: JSON.stringify(drawn) })
    assert.equal(unpaid.status, 401)
  })

  const spoken = { model, input: 'Tell me about the sea.', max_output_tokens: 12, seed: 7, temperature: 0.9 }

  test('a response is the chat that it means, and so is its receipt', async () => {
    const answer = await ask('responses', { ...spoken, instructions: 'Be brief.', metadata: { case: 'a' } })
    const whole = await answer.json()
    assert.equal(whole.object, 'response')
    assert.match(whole.id, /^resp_/)
    assert.deepEqual([whole.status, whole.incomplete_details], ['incomplete', { reason: 'max_output_tokens' }])
    assert.deepEqual([whole.instructions, whole.metadata, whole.store], ['Be brief.', { case: 'a' }, false])
    const text = whole.output[0].content[0].text
    const bundle = await verified(answer)
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: spoken.input },
    ]
    assert.deepEqual(bundle.opening.messages, messages)
    assert.equal(bundle.opening.outputText, text)
    const { seed, temperature } = spoken
    const chat = await (await ask('chat/completions', { model, messages, max_tokens: 12, seed, temperature })).json()
    assert.equal(chat.choices[0].message.content, text)
    assert.equal(chat.usage.total_tokens, whole.usage.total_tokens)
    // The answer may come back as it was.
    const next = [...messages, ...whole.output, { role: 'user', content: [{ type: 'input_text', text: 'Go on.' }] }]
    const second = await ask('responses', { ...spoken, input: next })
    assert.equal(second.status, 200)
    await second.json()
    const [, , third] = (await verified(second)).opening.messages
    assert.deepEqual(third, { role: 'assistant', content: text })
  })

  test('the events of a response come in order and add up', async () => {
    const whole = await (await ask('responses', spoken)).json()
    const answer = await ask('responses', { ...spoken, stream: true })
    assert.match(answer.headers.get('content-type') ?? '', /event-stream/)
    const events = eventsOf(await answer.text())
    assert.ok(events.every(({ name, type, sequence_number }, at) => name === type && sequence_number === at))
    const types = events.map(({ type }) => type).filter((type, at, all) => type !== all[at - 1])
    assert.deepEqual(types, [
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.content_part.added',
      'response.output_text.delta',
      'response.output_text.done',
      'response.content_part.done',
      'response.output_item.done',
      'response.incomplete',
    ])
    const text = events.map((event) => (event.type === 'response.output_text.delta' ? event.delta : '')).join('')
    assert.equal(text, whole.output[0].content[0].text)
    const last = events.at(-1).response
    assert.equal(last.output[0].content[0].text, text)
    assert.deepEqual(last.usage, whole.usage)
    await verified(answer)
  })

  test('what a response cannot have is refused by name', async () => {
    const stop = { type: 'function', name: 'stop' }
    const unheld = { type: 'string', pattern: '(a)\\1' }
    const wrong: [object, string][] = [
      [{ previous_response_id: 'resp_1' }, '400 unsupported_parameter previous_response_id'],
      [{ conversation: 'c' }, '400 unsupported_parameter conversation'],
      [{ store: true }, '400 unsupported_parameter store'],
      [{ background: true }, '400 unsupported_parameter background'],
      [{ tools: [{ type: 'web_search' }] }, '400 unsupported_parameter tools'],
      [{ text: { verbosity: 'high' } }, '400 unsupported_parameter text.verbosity'],
      [{ text: { format: { type: 'json_schema', name: 'x' } } }, '400 invalid_value text.format.schema'],
      [
        { text: { format: { type: 'json_schema', name: 'x', schema: unheld } } },
        '400 unsupported_parameter text.format',
      ],
      [{ text: { format: { type: 'grammar' } } }, '400 invalid_value text.format.type'],
      [{ response_format: { type: 'json_object' } }, '400 unknown_parameter response_format'],
      [{ reasoning: { effort: 'high' } }, '400 unsupported_parameter reasoning'],
      [{ reasoning: 'high' }, '400 unsupported_parameter reasoning'],
      [{ truncation: 'auto' }, '400 unsupported_parameter truncation'],
      [{ stop: ['x'] }, '400 unknown_parameter stop'],
      [{ input: [] }, '400 invalid_value input'],
      [
        { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:,' }] }] },
        '400 unsupported_content input.0.content',
      ],
      [{ input: [{ type: 'item_reference', id: 'x' }] }, '400 invalid_value input.0.type'],
      [{ input: [{ type: 'function_call_output', output: 'x' }] }, '400 invalid_value input.0.call_id'],
      [{ input: [{ type: 'function_call', call_id: 'c', name: 'stop' }] }, '400 invalid_value input.0.arguments'],
      [{ tools: [{ type: 'function', function: { name: 'stop' } }] }, '400 unsupported_parameter tools'],
      [{ tools: [null] }, '400 unsupported_parameter tools'],
      [{ tools: [stop, stop] }, '400 unsupported_parameter tools'],
      [{ tools: [{ ...stop, parameters: unheld }] }, '400 unsupported_parameter tools'],
      [{ tools: Array.from({ length: 65 }, () => stop) }, '400 invalid_value tools'],
      [{ tools: [stop], tool_choice: { type: 'function', name: 'other' } }, '400 unsupported_parameter tool_choice'],
      [{ tools: [stop], tool_choice: { type: 'web_search' } }, '400 invalid_value tool_choice'],
      [{ tool_choice: 'required' }, '400 invalid_value tool_choice'],
    ]
    for (const [change, said] of wrong) {
      assert.equal(await refusalOf('responses', { ...spoken, ...change }), said, JSON.stringify(change))
    }
  })

  test('a client that leaves a stream in the middle owes what it was sent, and the receipt still verifies', async () => {
    for (const [path, body] of [
      ['completions', { ...drawn, max_tokens: 400, stream: true }],
      ['responses', { ...spoken, max_output_tokens: 400, stream: true }],
    ] as const) {
      const answer = await ask(path, body)
      const reader = answer.body!.getReader()
      await reader.read()
      await reader.cancel()
      const bundle = await verified(answer)
      assert.ok(['cancelled', 'stop', 'length'].includes(bundle.opening.finishReason))
      assert.ok(bundle.opening.outputTokens.length <= 400)
    }
  })
})
