/** The items of a response: however the text comes in pieces, its events build what the whole one shows. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { writeToolCall } from '@weightless/tensor'
import { createItemWriter } from './writeItems.ts'

const calls = [
  { name: 'look_up', arguments: '{"text":"}\\"{ naïve 🎨"}' },
  { name: 'stop', arguments: '{}' },
]
const written = calls.map(writeToolCall).join('\n')

type Told = { type: string; output_index: number; delta: string; item: Record<string, unknown> }

function write(text: string, pieceLength: number, hasTools: boolean, status: 'completed' | 'incomplete' = 'completed') {
  const events: Told[] = []
  const tell = (type: string, fields: object) => {
    events.push({ type, ...fields } as Told)
    return '.'
  }
  const writer = createItemWriter(tell, 'j', hasTools)
  let count = writer.begin().length
  for (let at = 0; at < text.length; at += pieceLength) count += writer.piece(text.slice(at, at + pieceLength)).length
  count += writer.end(status).length
  assert.equal(count, events.length, 'every event is passed on once')
  return { events, output: writer.output() as Record<string, unknown>[] }
}

/** What a client has that joins the deltas and believes nothing else. */
function join(events: readonly Told[]): string[] {
  const texts: string[] = []
  for (const { type, output_index: index, delta } of events) {
    if (type === 'response.output_item.added') texts.push('')
    if (type.endsWith('.delta')) texts[index] += delta
  }
  return texts
}

test('calls are items in their order, in pieces of any length', () => {
  for (const length of [1, 2, 7, 30, written.length]) {
    const { events, output } = write(written, length, true)
    assert.deepEqual(
      output,
      calls.map((call, at) => ({
        ...{ id: `fc_j_${at}`, type: 'function_call', status: 'completed', call_id: `call_j_${at}` },
        ...call,
      })),
    )
    assert.deepEqual(
      join(events),
      calls.map((call) => call.arguments),
    )
    const done = events.filter(({ type }) => type === 'response.output_item.done')
    assert.deepEqual(
      done.map(({ item }) => item),
      output,
    )
  }
})

test('a text is one message, also where it might have been a call, or is nothing', () => {
  for (const text of ['', 'Na\nïve', '<tool_', '<tool_kit>']) {
    for (const hasTools of [true, false]) {
      const { events, output } = write(text, 1, hasTools)
      const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }]
      assert.deepEqual(output, [{ id: 'msg_j', type: 'message', status: 'completed', role: 'assistant', content }])
      assert.deepEqual(join(events), [text])
    }
  }
  // Without functions it is a text whatever it looks like.
  assert.deepEqual(join(write(written, 5, false).events), [written])
})

test('a call that is cut off is incomplete, those before it are not', () => {
  const { output } = write(written.slice(0, written.indexOf('{}') + 1), 3, true, 'incomplete')
  assert.deepEqual(
    output.map(({ status, arguments: given }) => [status, given]),
    [
      ['completed', calls[0]!.arguments],
      ['incomplete', '{'],
    ],
  )
})
