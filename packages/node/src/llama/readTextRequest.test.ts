/** What llama.cpp is asked for: everything that is understood arrives, everything else is refused by name. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { readJsonSchema } from './jsonSchemaSubset.ts'
import { readTextRequest } from './readTextRequest.ts'

const messages = [{ role: 'user', content: 'Hello' }]
const chat = (more: object) => readTextRequest('chat', { model: 'm', messages, ...more })
const refusal = (more: object) => {
  const read = chat(more)
  return read.ok ? undefined : [read.error?.code, read.error?.param]
}

test('a whole chat request is read', () => {
  const read = chat({
    ...{ stream: true, stream_options: { include_usage: true }, max_completion_tokens: 5, max_tokens: 9, seed: -1 },
    ...{ temperature: 0.5, top_p: 0.9, stop: 'end', frequency_penalty: 1, presence_penalty: -1 },
    ...{ logit_bias: { 7: -100 }, logprobs: true, top_logprobs: 2, tools: [], n: 1, user: 'me' },
    messages: [
      {
        role: 'developer',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      ...messages,
    ],
  })
  assert.ok(read.ok)
  assert.deepEqual(read.value, {
    ...{ kind: 'chat', model: 'm', stream: true, includeUsage: true, maxTokens: 5, stop: ['end'] },
    messages: [{ role: 'system', content: 'ab' }, ...messages],
    sampling: {
      ...{ temperature: 0.5, topP: 0.9, seed: 0xffffffff, frequencyPenalty: 1, presencePenalty: -1 },
      ...{ bias: new Map([[7, -100]]), json: undefined, topLogprobs: 2 },
    },
  })
})

test('what would change the answer and is not built is refused by name', () => {
  const cases: [object, string, string][] = [
    [{ tools: [{}] }, 'unsupported_parameter', 'tools'],
    [{ n: 2 }, 'unsupported_parameter', 'n'],
    [{ top_k: 5 }, 'unknown_parameter', 'top_k'],
    [{ grammar: 'root ::= "a"' }, 'unknown_parameter', 'grammar'],
    [{ temperature: 3 }, 'invalid_value', 'temperature'],
    [{ top_p: 0 }, 'invalid_value', 'top_p'],
    [{ top_logprobs: 2 }, 'invalid_value', 'top_logprobs'],
    [{ logit_bias: { x: 1 } }, 'invalid_value', 'logit_bias.x'],
    [
      { logit_bias: Object.fromEntries(Array.from({ length: 1_025 }, (_, i) => [i, 1])) },
      'invalid_value',
      'logit_bias',
    ],
    [{ stop: ['a', 'b', 'c', 'd', 'e'] }, 'invalid_value', 'stop'],
    [
      { response_format: { type: 'json_schema', json_schema: { schema: { type: 'string', pattern: 'a' } } } },
      'unsupported_parameter',
      'response_format',
    ],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: {} }] }] },
      'unsupported_content',
      'messages.0.content',
    ],
  ]
  for (const [more, code, param] of cases)
    assert.deepEqual(refusal(more), [code, param], JSON.stringify(more).slice(0, 80))
})

test('a completion has one prompt', () => {
  const completion = (more: object) => readTextRequest('completion', { model: 'm', prompt: 'x', ...more })
  const read = completion({ prompt: ['Once'], logprobs: 3 })
  assert.ok(read.ok)
  assert.deepEqual(read.value.messages, [{ role: 'prompt', content: 'Once' }])
  assert.equal(read.value.sampling.topLogprobs, 3)
  for (const more of [{ prompt: '' }, { prompt: ['a', 'b'] }, { prompt: [1, 2] }, { echo: true }, { suffix: 'x' }])
    assert.equal(completion(more).ok, false, JSON.stringify(more))
})

test('schemas: what the grammars keep to passes, what they would pass over is named', () => {
  const person = {
    $defs: { tag: { enum: ['a', 'b'] } },
    type: 'object',
    title: 'person',
    properties: {
      name: { type: 'string', maxLength: 20, description: 'of the person' },
      age: { anyOf: [{ type: 'integer' }, { type: 'null' }] },
      tags: { type: 'array', items: { $ref: '#/$defs/tag' }, maxItems: 3 },
    },
    required: ['name', 'age', 'tags'],
    additionalProperties: false,
  }
  const read = readJsonSchema(person)
  assert.ok(read.ok)
  assert.deepEqual(read.schema, {
    $defs: { tag: { enum: ['a', 'b'] } },
    type: 'object',
    properties: {
      name: { type: 'string', maxLength: 20 },
      age: { oneOf: [{ type: 'integer' }, { type: 'null' }] },
      tags: { type: 'array', items: { $ref: '#/$defs/tag' }, maxItems: 3 },
    },
    additionalProperties: false,
  })
  const deep = (depth: number): object => (depth === 0 ? { type: 'null' } : { type: 'array', items: deep(depth - 1) })
  const refused: [unknown, RegExp][] = [
    [{ type: 'number', minimum: 1 }, /'minimum'/],
    [{ type: 'string', format: 'email' }, /format/],
    [{ type: ['object', 'null'] }, /type/],
    [{ $ref: '#/$defs/other' }, /\$ref/],
    [{ enum: [{}] }, /enum/],
    [{ enum: [] }, /list/],
    [{ type: 'array', items: true }, /not an object/],
    [{ type: 'string', maxLength: 1e9 }, /maxLength/],
    [{ type: 'object', properties: {}, required: ['x'] }, /required/],
    [{}, /no type/],
    [undefined, /not an object/],
    [deep(40), /too large/],
    [{ oneOf: Array.from({ length: 600 }, () => ({ type: 'null' })) }, /list/],
  ]
  for (const [schema, reason] of refused) {
    const verdict = readJsonSchema(schema)
    assert.ok(!verdict.ok && reason.test(verdict.reason), JSON.stringify(verdict))
  }
})

test('whatever comes, a request is read or refused, never thrown at', () => {
  const rounds = Number(process.env.WEIGHTLESS_FUZZ ?? 1) * 200
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom('response_format', 'messages', 'stop', 'logit_bias', 'seed'),
      (value, key) => {
        chat({ [key]: value })
        chat({ response_format: { type: 'json_schema', json_schema: { schema: value } } })
        readTextRequest('completion', value)
      },
    ),
    { numRuns: rounds },
  )
})
