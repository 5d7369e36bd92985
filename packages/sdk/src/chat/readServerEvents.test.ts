/** Events come out the same however the bytes were cut; an event without an end is refused. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { EventTooLongError, readServerEvents } from './readServerEvents.ts'

async function* cut(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  let at = 0
  for (const size of sizes) {
    yield bytes.subarray(at, at + size)
    at += size
  }
  yield bytes.subarray(at)
}

async function collect(body: AsyncIterable<Uint8Array>): Promise<string[]> {
  const events: string[] = []
  for await (const event of readServerEvents(body)) events.push(event)
  return events
}

test('every way to cut the bytes gives the same events', async () => {
  const text =
    'data: {"a":"é🙂"}\n\n: a comment\n\ndata: one\ndata: two\n\r\nevent: x\r\ndata:three\r\n\r\ndata: [DONE]\n\n'
  const expected = ['{"a":"é🙂"}', 'one\ntwo', 'three', '[DONE]']
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 40 }), async (sizes) => {
      assert.deepEqual(await collect(cut(textToBytes(text), sizes)), expected)
    }),
  )
})

test('a last event without its empty line still counts', async () => {
  assert.deepEqual(await collect(cut(textToBytes('data: last'), [])), ['last'])
})

test('an event without an end is refused', async () => {
  async function* endless(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(1024 * 1024).fill(65)
  }
  await assert.rejects(collect(endless()), EventTooLongError)
})
