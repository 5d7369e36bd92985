// LangChain's OpenAI model, unmodified, against the devnet's gateway: whole and streamed.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { ChatOpenAI } from '@langchain/openai'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const chat = new ChatOpenAI({
  model,
  apiKey: compute.apiKey,
  configuration: { baseURL: `${compute.gatewayUrl}/v1` },
  maxTokens: 12,
  temperature: 0,
  maxRetries: 0,
})
const messages = [
  ['system', 'You answer briefly.'],
  ['human', 'Name a colour, naïvely: 🎨'],
]
const whole = await chat.invoke(messages)
assert.ok(whole.usage_metadata.total_tokens > 0)
let text = ''
for await (const piece of await chat.stream(messages)) text += piece.content
assert.equal(text, whole.content, 'streamed and whole answers differ')
console.log(`${model} said ${JSON.stringify(whole.content)} to LangChain`)
