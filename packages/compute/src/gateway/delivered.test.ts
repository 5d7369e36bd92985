/** What was delivered, read out of each form of answer: a receipt about another text is not for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import type { Bundle } from '@weightless/receipt'
import { writeToolCall } from '@weightless/tensor'
import type { ServicePath } from '../wire/services.ts'
import { createDelivered } from './delivered.ts'

const bundleOf = (outputText: string, finishReason = 'stop', tools = '') =>
  ({ opening: { outputText, finishReason, ...(tools === '' ? {} : { shape: { choices: 1, tools } }) } }) as Bundle

const pieces = ['Na', 'ïve \n\n', '🎨']
const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`
const chunks = (choiceOf: (text: string) => object) =>
  `${pieces.map((text) => event({ choices: [choiceOf(text)] })).join('')}data: [DONE]\n\n`
const text = pieces.join('')

const answers: [ServicePath, boolean, string][] = [
  ['/v1/chat/completions', false, JSON.stringify({ choices: [{ message: { content: text } }] })],
  ['/v1/chat/completions', true, chunks((content) => ({ delta: { content } }))],
  ['/v1/completions', false, JSON.stringify({ choices: [{ text }] })],
  ['/v1/completions', true, chunks((piece) => ({ text: piece }))],
  ['/v1/responses', false, JSON.stringify({ output: [{ content: [{ type: 'output_text', text }] }] })],
  [
    '/v1/responses',
    true,
    [{ type: 'response.created' }, ...pieces.map((delta) => ({ type: 'response.output_text.delta', delta }))]
      .map((data) => `event: ${data.type}\n${event(data)}`)
      .join(''),
  ],
]

for (const [path, streamed, answer] of answers) {
  test(`${path}, ${streamed ? 'streamed' : 'whole'}: the text delivered, in whatever pieces, and no other`, () => {
    const bytes = textToBytes(answer)
    for (const size of [1, 7, bytes.length]) {
      const delivered = createDelivered(path, streamed)
      for (let at = 0; at < bytes.length; at += size) delivered.add(bytes.subarray(at, at + size))
      delivered.end()
      assert.equal(delivered.differsFrom(bundleOf(text)), undefined)
      assert.equal(delivered.differsFrom(bundleOf('Na', 'cancelled')), undefined)
      assert.match(delivered.differsFrom(bundleOf('Na')) ?? '', /not the text/)
      assert.match(delivered.differsFrom(bundleOf(`A${text}`)) ?? '', /not the text/)
    }
  })
}

const calls = [
  { name: 'look_up', arguments: '{"colour":"red"}' },
  { name: 'stop', arguments: '{}' },
]
const spoken = calls.map(writeToolCall).join('\n')
const items = calls.map((call, at) => ({ type: 'function_call', id: `fc_${at}`, call_id: `call_${at}`, ...call }))

/** A stream whose events agree, but for what a test changes in one kind of them. */
function streamOf(change: { delta?: string; done?: string; shown?: string }): string {
  const argumentsOf = (at: number, changed: string | undefined) => (at === 0 && changed) || items[at]!.arguments
  const events = items.flatMap((item, output_index) => [
    { type: 'response.output_item.added', output_index, item: { ...item, arguments: '' } },
    ...[...argumentsOf(output_index, change.delta)].map((delta) => ({
      type: 'response.function_call_arguments.delta',
      output_index,
      delta,
    })),
    {
      type: 'response.output_item.done',
      output_index,
      item: { ...item, arguments: argumentsOf(output_index, change.done) },
    },
  ])
  const output = items.map((item, at) => ({ ...item, arguments: argumentsOf(at, change.shown) }))
  return [...events, { type: 'response.completed', response: { output } }]
    .map((data) => `event: ${data.type}\n${event(data)}`)
    .join('')
}

test('calls in a response are compared, by each way in which a client may read them', () => {
  const differs = (streamed: boolean, answer: string, bundle = bundleOf(spoken, 'stop', '[]')) => {
    const delivered = createDelivered('/v1/responses', streamed)
    delivered.add(textToBytes(answer))
    delivered.end()
    return delivered.differsFrom(bundle)
  }
  const other = '{"colour":"black"}'
  assert.equal(differs(false, JSON.stringify({ output: items })), undefined)
  assert.match(
    differs(false, JSON.stringify({ output: [items[0], { ...items[1], name: 'go' }] })) ?? '',
    /not the text/,
  )
  assert.match(differs(false, JSON.stringify({ output: [...items, items[1]] })) ?? '', /not the text/)
  const stream = streamOf({})
  assert.equal(differs(true, stream), undefined)
  // A stream that broke off has been delivered as far as it came.
  assert.equal(differs(true, stream.slice(0, stream.length / 2)), undefined)
  for (const change of [{ delta: other }, { done: other }, { shown: other }]) {
    assert.match(differs(true, streamOf(change)) ?? '', /not the text/, JSON.stringify(change))
  }
  // A call where none was promised.
  const message = { type: 'message', content: [{ type: 'output_text', text }] }
  assert.equal(differs(false, JSON.stringify({ output: [message] }), bundleOf(text)), undefined)
  assert.match(differs(false, JSON.stringify({ output: [message, items[0]] }), bundleOf(text)) ?? '', /not the text/)
})
