/** Schemas of the Responses API on the exact engine, through provider and gateway: the chat that they mean, re-executed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { createExactStage, eventsOf } from './exactStage.ts'

const schema = {
  type: 'object',
  properties: { colour: { enum: ['red', 'green'] }, bright: { type: 'boolean' } },
  required: ['colour', 'bright'],
  additionalProperties: false,
}
const drawn = { model: 'tiny', seed: 5, temperature: 0.9 }
const asked = { ...drawn, input: 'Say something.', max_output_tokens: 120 }
const messages = [{ role: 'user', content: asked.input }]
const chat = { ...drawn, messages, max_tokens: asked.max_output_tokens }

const stage = createExactStage()
const { ask, bundleOf, verify, verified } = stage
const respond = (change: object) => ask({ ...asked, ...change }, 'responses')

function checkValue(text: string): void {
  const { colour, bright, ...others } = JSON.parse(text) as Record<string, unknown>
  assert.ok((colour === 'red' || colour === 'green') && typeof bright === 'boolean', text)
  assert.deepEqual(others, {})
}

describe('an exact engine asked for responses with schemas', () => {
  before(stage.open)
  after(stage.close)

  test('a response obeys its schema, whole and streamed, and is the chat with that schema', async () => {
    const format = { type: 'json_schema', name: 'answer', strict: true, schema }
    const answer = await respond({ text: { format } })
    const whole = await answer.json()
    assert.deepEqual(whole.text, { format: { ...format, description: null } })
    assert.equal(whole.status, 'completed')
    const [{ text }] = whole.output[0].content
    checkValue(text)
    const bundle = await verified(answer)
    assert.deepEqual(JSON.parse(bundle.opening.shape!.schema), schema)
    const other = { ...bundle.opening, shape: { ...bundle.opening.shape!, schema: '{}' } }
    const verdict = await verify({ ...bundle, opening: other })
    assert.equal(verdict.accepted ? '' : verdict.fault, 'commitment')
    const response_format = { type: 'json_schema', json_schema: { name: 'answer', strict: true, schema } }
    const same = await ask({ ...chat, response_format })
    assert.equal((await same.json()).choices[0].message.content, text)
    const stream = await respond({ text: { format }, stream: true })
    const events = eventsOf(await stream.text())
    assert.equal(events.map((event) => (event.type.endsWith('text.delta') ? event.delta : '')).join(''), text)
    assert.deepEqual(events.at(-1).response.output[0].content[0].text, text)
    assert.equal((await verified(stream)).opening.outputText, text)
  })

  test('json_object is any object', async () => {
    const answer = await respond({ text: { format: { type: 'json_object' } }, max_output_tokens: 20 })
    const whole = await answer.json()
    assert.deepEqual(whole.text, { format: { type: 'json_object' } })
    assert.ok(whole.output[0].content[0].text.startsWith('{'))
    assert.equal((await bundleOf(answer)).opening.shape!.schema, '{"type":"object"}')
    await verified(answer)
  })
})
