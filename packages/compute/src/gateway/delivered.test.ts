/** What was delivered, read out of each form of answer: a receipt about another text is not for it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import type { Bundle } from '@weightless/receipt'
import type { ServicePath } from '../wire/services.ts'
import { createDelivered } from './delivered.ts'

const bundleOf = (outputText: string, finishReason = 'stop') => ({ opening: { outputText, finishReason } }) as Bundle

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
