/** Requests recorded from OpenAI's clients (npm and Python) get the answers that those clients accepted. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { startComputeNet, tokens } from './computeNet.ts'

type Recorded = { method: string; path: string; headers: Record<string, string>; body: string; status: number }
const { requests } = JSON.parse(
  readFileSync(new URL('../../vectors/compute/openai.json', import.meta.url), 'utf8'),
) as { requests: Recorded[] }

test('every recorded request is answered as it was', async () => {
  assert.ok(requests.length >= 15)
  const net = await startComputeNet()
  try {
    const provider = await net.startProvider()
    await Promise.all([provider.ready, net.deposit(2, tokens(10))])
    const gateway = await net.startGateway()
    const texts = new Map<string, string>()
    for (const { method, path, headers, body, status } of requests) {
      const answer = await fetch(`${gateway.url}${path}`, { method, headers, ...(body ? { body } : {}) })
      assert.equal(answer.status, status, body)
      const text = await answer.text()
      if (status !== 200) {
        assert.deepEqual(Object.keys(JSON.parse(text).error).sort(), ['code', 'message', 'param', 'type'])
      } else if (path === '/v1/chat/completions') {
        const { stream, stream_options, ...asked } = JSON.parse(body)
        const said = stream ? streamedText(text) : JSON.parse(text).choices[0].message.content
        const key = JSON.stringify(asked)
        // Seeded: whole, streamed and again are one and the same answer.
        assert.equal(said, texts.get(key) ?? said, key)
        texts.set(key, said)
      }
    }
  } finally {
    await net.close()
  }
})

function streamedText(events: string): string {
  const data = events.split('\n\n').filter((event) => event.startsWith('data: {'))
  assert.ok(events.endsWith('data: [DONE]\n\n'))
  return data.map((event) => JSON.parse(event.slice(6)).choices[0]?.delta.content ?? '').join('')
}
