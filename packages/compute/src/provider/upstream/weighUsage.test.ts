/** What a prompt is counted by where the request holds media, and where its text only speaks of them. COMPUTE §11.4 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import type { UpstreamEngine } from '../../engine/engine.ts'
import { readBodyJson } from '../../wire/bodyRequest.ts'
import { countPrompt } from './weighUsage.ts'

const engine = { countTokens: async (text: string) => text.split(' ').length } as UpstreamEngine

async function count(content: unknown) {
  const json = { model: 'm', messages: [{ role: 'user', content }] }
  const sizeBytes = textToBytes(JSON.stringify(json)).length
  const read = readBodyJson('/v1/chat/completions', json, sizeBytes)
  assert.ok(read.ok)
  return { sizeBytes, own: await countPrompt(engine, read.value) }
}

test('text is counted exactly, also when it speaks of data: addresses', async () => {
  const { own } = await count('what is a "data: address')
  assert.equal(own.exact, true)
})

test('with a picture the size of the request is the bound', async () => {
  const url = `data:image/png;base64,${'A'.repeat(400)}`
  const { own, sizeBytes } = await count([{ type: 'image_url', image_url: { url } }])
  assert.equal(own.exact, false)
  assert.equal(own.bytes, sizeBytes)
})
