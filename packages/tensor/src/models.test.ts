import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { replayChat } from './chat/replayChat.ts'
import { runChat } from './chat/runChat.ts'
import { loadModel } from './model/loadModel.ts'

test('the model of last resort answers in words of its plays, ends its turns, and replays', async () => {
  const model = await loadModel(
    new Uint8Array(readFileSync(new URL('../models/weightless-bard-1m.gguf', import.meta.url))),
  )
  const request = {
    messages: [{ role: 'user', content: 'Good morrow, my lord. What news from the court?' }],
    seed32: new Uint8Array(32).fill(1),
    maxTokens: 160,
    temperature: 0.7,
    topP: 0.9,
  }
  const run = await runChat(model, request)
  const words = run.text.toLowerCase().match(/[a-z]+/g) ?? []
  const common = words.filter((word) =>
    ['the', 'and', 'i', 'you', 'my', 'to', 'of', 'a', 'is', 'not', 'lord', 'sir', 'it'].includes(word),
  )
  assert.ok(words.length >= 3 && common.length / words.length > 0.1, run.text)
  const { outputTokens, finishReason } = run
  assert.ok((await replayChat(model, request, { outputTokens, finishReason, traceRoot: run.trace!.root })).ok)
})
