// Anthropic's client of npm, unmodified, against the devnet's gateway: whole, streamed, refused.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import Anthropic from '@anthropic-ai/sdk'

const { compute } = JSON.parse(readFileSync(process.env.WEIGHTLESS_DEVNET, 'utf8'))
const model = compute.providers.flatMap(({ models }) => models)[0]
const client = new Anthropic({ baseURL: compute.gatewayUrl, apiKey: compute.apiKey, maxRetries: 0 })
const request = {
  model,
  max_tokens: 12,
  temperature: 0,
  system: 'You answer briefly.',
  messages: [
    { role: 'user', content: 'Name a colour, naïvely: 🎨' },
    { role: 'assistant', content: [{ type: 'text', text: 'Blue.' }] },
    { role: 'user', content: [{ type: 'text', text: 'Another one.' }] },
  ],
}

const whole = await client.messages.create(request)
assert.equal(whole.type, 'message')
assert.match(whole.id, /^msg_/)
assert.ok(['end_turn', 'max_tokens'].includes(whole.stop_reason))
const said = whole.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
assert.ok(whole.usage.input_tokens > 0 && whole.usage.output_tokens > 0)

const stream = client.messages.stream(request)
let text = ''
stream.on('text', (piece) => {
  text += piece
})
const final = await stream.finalMessage()
assert.equal(text, said, 'streamed and whole answers differ')
assert.deepEqual(final.usage.output_tokens, whole.usage.output_tokens)
assert.equal(final.stop_reason, whole.stop_reason)

const { input_tokens } = await client.messages.countTokens({ model, messages: request.messages })
assert.ok(input_tokens > 0)

await assert.rejects(client.messages.create({ ...request, model: 'nobody-has-this' }), Anthropic.NotFoundError)
await assert.rejects(client.messages.create({ ...request, messages: [] }), Anthropic.BadRequestError)
await assert.rejects(
  client.messages.create({ ...request, thinking: { type: 'enabled', budget_tokens: 1024 } }),
  Anthropic.BadRequestError,
)
const stranger = new Anthropic({ baseURL: compute.gatewayUrl, apiKey: 'sk-wrong', maxRetries: 0 })
await assert.rejects(stranger.messages.create(request), Anthropic.AuthenticationError)
console.log(`${model} said ${JSON.stringify(said)} to Anthropic's client`)
