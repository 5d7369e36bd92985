/** A receipt of another question or answer is not taken for this one's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Bundle } from '@weightless/receipt'
import { matchBundle } from './matchBundle.ts'

const messages = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'hi' },
]
const bundleOf = (outputText: string, finishReason: 'stop' | 'length' | 'cancelled' = 'stop') =>
  ({ opening: { messages, outputText, finishReason } }) as unknown as Bundle

test('the same question and text match', () => {
  assert.equal(matchBundle(bundleOf('hello'), { messages, text: 'hello' }), true)
})

test('another text, a shorter one and a longer one do not', () => {
  for (const text of ['hallo', 'hell', 'hello!', ''])
    assert.equal(matchBundle(bundleOf('hello'), { messages, text }), false)
})

test('of a cancelled answer a beginning matches, more than was billed does not', () => {
  assert.equal(matchBundle(bundleOf('hello', 'cancelled'), { messages, text: 'hel' }), true)
  assert.equal(matchBundle(bundleOf('hel', 'cancelled'), { messages, text: 'hello' }), false)
})

test('another role, content or number of messages does not match', () => {
  const [system, user] = messages
  const others = [[system!], [user!, system!], [system!, { role: 'user', content: 'ho' }], [...messages, user!]]
  for (const other of others) assert.equal(matchBundle(bundleOf('hello'), { messages: other, text: 'hello' }), false)
})
