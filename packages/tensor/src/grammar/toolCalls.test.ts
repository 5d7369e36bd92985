/** Calls of functions: what the mask lets through is what the reader reads, in whatever pieces it comes. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { createChatTemplate } from '../chat/chatTemplate.ts'
import { loadModel } from '../model/loadModel.ts'
import { checkShape, maskOf } from './answerGrammar.ts'
import { createAutomaton } from './automaton.ts'
import { createExpressions } from './expression.ts'
import { SchemaUnsupportedError } from './schemaError.ts'
import { compileTools, createCallReader, readToolCalls, type ToolCall, writeToolCall } from './toolCalls.ts'

const { tokenizer } = await loadModel(
  new Uint8Array(readFileSync(new URL('../../../../vectors/tensor/tiny-random.gguf', import.meta.url))),
)
const tools = JSON.stringify([
  {
    type: 'function',
    function: { name: 'add', parameters: { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] } },
  },
  { type: 'function', function: { name: 'stop' } },
])

/** Whether the text may be an answer as a whole. */
function accepts(text: string, toolChoice = 'auto', callsMax = 16): boolean {
  const build = createExpressions()
  const automaton = createAutomaton(build, compileTools(build, { tools, toolChoice, callsMax }, undefined))
  let state: ReturnType<typeof automaton.step> = automaton.start
  for (const byte of new TextEncoder().encode(text)) state = state && automaton.step(state, byte)
  return state?.isEnd ?? false
}

const add = writeToolCall({ name: 'add', arguments: '{"a": 1}' })
const stop = writeToolCall({ name: 'stop', arguments: '{}' })

test('an answer is free text or calls with arguments that obey their parameters', () => {
  const verdicts: [string, boolean][] = [
    [add, true],
    [stop, true],
    [`${add}\n${stop}`, true],
    ['', true],
    ['Hello <tool_call> there', true],
    ['<tool_cal', true],
    ['<tool_call>', false],
    [`${add} `, false],
    [`${add}\n`, false],
    [` ${add}`, true],
    [writeToolCall({ name: 'add', arguments: '{"a": "x"}' }), false],
    [writeToolCall({ name: 'sub', arguments: '{}' }), false],
  ]
  for (const [text, isGood] of verdicts) assert.equal(accepts(text), isGood, text)
  assert.ok(!accepts('Hello', 'required'))
  assert.ok(accepts(add, 'required') && !accepts(`${add}\n${stop}`, 'required', 1))
  assert.ok(
    accepts(stop, 'function:stop') && !accepts(add, 'function:stop') && !accepts(`${stop}\n${stop}`, 'function:stop'),
  )
})

test('free text is not masked from where it is no call', () => {
  const mask = maskOf(tokenizer, { schema: '', tools, toolChoice: 'auto', callsMax: 1 })!
  assert.ok(mask.allowed() !== undefined)
  for (const token of tokenizer.encode('Hello')) mask.push(token)
  assert.equal(mask.allowed(), undefined)
})

const argument = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })).map((value) => JSON.stringify(value))
const call = fc.record(
  { name: fc.stringMatching(/^[A-Za-z0-9_-]{1,9}$/), arguments: argument },
  { noNullPrototype: true },
)

test('calls are read as they were written, however they are cut', () => {
  fc.assert(
    fc.property(
      fc.array(call, { minLength: 1, maxLength: 3 }),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (calls, sizes) => {
        const text = calls.map(writeToolCall).join('\n')
        assert.deepEqual(readToolCalls(text), { content: '', calls })
        const reader = createCallReader()
        const read: ToolCall[] = []
        for (let at = 0; at < text.length; ) {
          const size = sizes.next().value!
          for (const event of reader.push(text.slice(at, at + size))) {
            assert.notEqual(event.kind, 'content')
            if (event.kind === 'call') read.push({ name: event.name, arguments: '' })
            if (event.kind === 'arguments') read[event.index]!.arguments += event.text
          }
          at += size
        }
        assert.deepEqual([read, reader.flush()], [calls, []])
        // Whatever a limit of tokens leaves of it is a beginning of it.
        const cut = readToolCalls(text.slice(0, Math.floor(text.length * 0.7)))
        for (const [at, part] of cut.calls.entries()) assert.ok(calls[at]!.arguments.startsWith(part.arguments))
      },
    ),
  )
  fc.assert(
    fc.property(fc.string(), (text) => {
      if (!text.startsWith('<tool_call>')) assert.deepEqual(readToolCalls(text), { content: text, calls: [] })
    }),
  )
  assert.deepEqual(readToolCalls('<tool_'), { content: '<tool_', calls: [] })
})

test('tools that no mask is made for are refused', () => {
  const named = (name: unknown, parameters?: unknown) => ({ type: 'function', function: { name, parameters } })
  const wrong: [unknown, RegExp][] = [
    ['no JSON', /no list/],
    [[], /no list/],
    [[null], /no function/],
    [[{ type: 'retrieval' }], /no function/],
    [[named('a b')], /no name/],
    [[named('a'), named('a')], /the name a of another/],
    [[named('a', { type: 'string' })], /not of type 'object'/],
    ['['.repeat(30_000) + ']'.repeat(30_000), /nests deeper than 1000/],
    [[named('a', { type: 'object', minProperties: 1 })], /'minProperties'/],
    [[named('a', { type: 'object', properties: { a: { const: 'x'.repeat(70_000) } } })], /more than 65536/],
  ]
  for (const [list, reason] of wrong) {
    const text = typeof list === 'string' ? list : JSON.stringify(list)
    assert.throws(
      () => checkShape({ schema: '', tools: text, toolChoice: 'auto', callsMax: 1 }),
      (fault) => fault instanceof SchemaUnsupportedError && reason.test(fault.message),
      text.slice(0, 80),
    )
  }
  for (const [toolChoice, callsMax] of [
    ['any', 1],
    ['function:none', 1],
    ['auto', 0],
    ['auto', 17],
  ] as const) {
    assert.throws(() => checkShape({ schema: '', tools, toolChoice, callsMax }), SchemaUnsupportedError)
  }
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      try {
        checkShape({ schema: '', tools: JSON.stringify(value), toolChoice: 'auto', callsMax: 1 })
      } catch (fault) {
        assert.ok(fault instanceof SchemaUnsupportedError, String(fault))
      }
    }),
  )
})

const user = { role: 'user', content: 'Add.' }
const result = { role: 'tool', content: '2' }

test('a template that knows tools is given them; for another they are a system message', () => {
  const simple = '{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}'
  const plain = createChatTemplate(simple, tokenizer)
  const told = plain([user, result], 'answer', tools)
  assert.match(told, /^\[system\]# Tools\n[\s\S]*<tools>\n\{"type":"function","function":\{"name":"add"/)
  assert.ok(told.endsWith('[user]Add.[user]<tool_response>\n2\n</tool_response>'))
  assert.match(plain([{ role: 'system', content: 'Brief.' }, user], 'answer', tools), /^\[system\]Brief\.\n\n# Tools\n/)
  assert.equal(plain([user]), '[user]Add.')
  const knowing = createChatTemplate(
    `{% if tools %}{% for t in tools %}{{ t.function.name }};{% endfor %}{% endif %}${simple}`,
    tokenizer,
  )
  assert.equal(knowing([user, result], 'answer', tools), 'add;stop;[user]Add.[tool]2')
  assert.equal(knowing([user]), '[user]Add.')
})
