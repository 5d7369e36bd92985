// Vercel's AI SDK, unmodified, against the devnet's gateway: whole and streamed.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, streamText } from 'ai'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const weightless = createOpenAICompatible({
  name: 'weightless',
  baseURL: `${compute.gatewayUrl}/v1`,
  apiKey: compute.apiKey,
  includeUsage: true,
})
const request = {
  model: weightless(model),
  prompt: 'Name a colour, naïvely: 🎨',
  maxOutputTokens: 12,
  temperature: 0,
  maxRetries: 0,
}
const whole = await generateText(request)
assert.ok(whole.usage.totalTokens > 0)
const stream = streamText(request)
let text = ''
for await (const piece of stream.textStream) text += piece
assert.equal(text, whole.text, 'streamed and whole answers differ')
assert.equal((await stream.usage).totalTokens, whole.usage.totalTokens)
console.log(`${model} said ${JSON.stringify(whole.text)} to the AI SDK`)
