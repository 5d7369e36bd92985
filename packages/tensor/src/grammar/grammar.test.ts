/** Answers held to schemas: whatever the masks let through obeys the schema, by a validator of its own. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { replayChat } from '../chat/replayChat.ts'
import { runChat } from '../chat/runChat.ts'
import { loadModel } from '../model/loadModel.ts'
import { createTokenizer } from '../tokenizer/readTokenizer.ts'
import { type AnswerShape, checkShape, maskOf } from './answerGrammar.ts'
import { createAutomaton } from './automaton.ts'
import { createExpressions } from './expression.ts'
import { compileSchema } from './schema/compileSchema.ts'
import { SchemaUnsupportedError } from './schemaError.ts'

const model = await loadModel(
  new Uint8Array(readFileSync(new URL('../../../../vectors/tensor/tiny-random.gguf', import.meta.url))),
)
const { tokenizer } = model
const shapeOf = (schema: unknown): AnswerShape => {
  return { schema: JSON.stringify(schema), tools: '', toolChoice: '', callsMax: 0 }
}

/** Draws tokens among those allowed, the shortest way out once `patience` is over. */
function write(schema: unknown, draw: (count: number) => number, patience: number): string | undefined {
  const mask = maskOf(tokenizer, shapeOf(schema))!
  const tokens: number[] = []
  for (let step = 0; step < patience; step++) {
    const bits = mask.allowed()!
    const allowed = Array.from({ length: tokenizer.vocabSize }, (_, token) => token).filter(
      (token) => (bits[token >>> 5]! >>> (token & 31)) & 1,
    )
    // Ends of strings and numbers are rare among all tokens; without a push nothing would ever end.
    const ends = allowed.filter((token) => tokenizer.isStop(token) || /^["}\],]+$/.test(tokenizer.decode([token])))
    const pool = ends.length > 0 && draw(3) > 0 ? ends : allowed
    const token = pool[draw(pool.length)]!
    if (tokenizer.isStop(token)) return tokenizer.decode(tokens)
    tokens.push(token)
    mask.push(token)
  }
  return undefined
}

type Schema = { [keyword: string]: unknown }

/** JSON Schema, as far as the generator below uses it. */
function obeys(schema: Schema, value: unknown): boolean {
  if (schema.enum) return (schema.enum as unknown[]).some((one) => JSON.stringify(one) === JSON.stringify(value))
  if (schema.anyOf) return (schema.anyOf as Schema[]).some((one) => obeys(one, value))
  if (schema.type === 'string') {
    const length = typeof value === 'string' ? [...value].length : -1
    return length >= ((schema.minLength as number) ?? 0) && length <= ((schema.maxLength as number) ?? 1e9)
  }
  if (schema.type === 'integer') return Number.isSafeInteger(value)
  if (schema.type === 'array') {
    if (!Array.isArray(value)) return false
    const { minItems = 0, maxItems = 1e9, items } = schema as { minItems?: number; maxItems?: number; items: Schema }
    return value.length >= minItems && value.length <= maxItems && value.every((item) => obeys(items, item))
  }
  if (schema.type !== 'object') return typeof value === (schema.type === 'null' ? 'object' : schema.type)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const { properties, required } = schema as { properties: Record<string, Schema>; required: string[] }
  const names = Object.keys(value)
  return (
    required.every((name) => Object.hasOwn(value, name)) &&
    names.every((name) => Object.hasOwn(properties, name) && obeys(properties[name]!, (value as Schema)[name]))
  )
}

const leaf: fc.Arbitrary<Schema> = fc.oneof(
  fc.constantFrom<Schema>({ type: 'boolean' }, { type: 'null' }, { type: 'integer' }, { type: 'number' }),
  fc.array(fc.jsonValue({ maxDepth: 1 }), { minLength: 1, maxLength: 4 }).map((values) => ({ enum: values })),
  fc.tuple(fc.nat(3), fc.nat(5)).map(([min, more]) => ({ type: 'string', minLength: min, maxLength: min + more })),
)
const { schema: anySchema } = fc.letrec<{ schema: Schema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small' },
    leaf,
    fc.tuple(tie('schema'), fc.nat(2), fc.nat(2)).map(([items, min, more]) => {
      return { type: 'array', items, minItems: min, maxItems: min + more }
    }),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc
      .dictionary(fc.string({ minLength: 1, maxLength: 5 }), fc.tuple(tie('schema'), fc.boolean()), { maxKeys: 4 })
      .map((entries) => ({
        type: 'object',
        properties: Object.fromEntries(Object.entries(entries).map(([name, [schema]]) => [name, schema])),
        required: Object.keys(entries).filter((name) => entries[name]![1]),
        additionalProperties: false,
      })),
  ),
}))

test('whatever the masks let through is JSON that obeys the schema', () => {
  let finished = 0
  fc.assert(
    fc.property(anySchema, fc.infiniteStream(fc.nat()), (schema, stream) => {
      const draw = (count: number) => stream.next().value! % count
      const text = write(schema, draw, 120)
      if (text === undefined) return
      finished++
      assert.ok(obeys(schema, JSON.parse(text)), `${JSON.stringify(schema)}: ${text}`)
    }),
    { numRuns: 150 },
  )
  assert.ok(finished > 75, `only ${finished} answers came to an end`)
})

test('an object without a schema is any object, and always ends in one', () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat()), (stream) => {
      const text = write({ type: 'object' }, (count) => stream.next().value! % count, 150)
      if (text !== undefined) assert.equal(Object.prototype.toString.call(JSON.parse(text)), '[object Object]')
    }),
    { numRuns: 20 },
  )
})

test('every value that JSON.stringify writes of a schema is let through', () => {
  const accepts = (schema: unknown, text: string): boolean => {
    const build = createExpressions()
    const automaton = createAutomaton(build, compileSchema(build, JSON.stringify(schema)))
    let state: ReturnType<typeof automaton.step> = automaton.start
    for (const byte of new TextEncoder().encode(text)) state = state && automaton.step(state, byte)
    return state?.isEnd ?? false
  }
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const value = text.toWellFormed()
      assert.ok(accepts({ type: 'string' }, JSON.stringify(value)))
      assert.ok(!accepts({ type: 'string' }, `${JSON.stringify(value)} `))
    }),
  )
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
      const json = JSON.stringify(value, (_, item) => (typeof item === 'number' ? Math.trunc(item) % 1e6 : item))
      assert.ok(accepts({}, json), json)
      assert.ok(accepts({ const: value }, JSON.stringify(value)))
    }),
  )
  const person = { type: 'object', properties: { a: { type: 'integer' }, b: { type: 'string' } }, required: ['b'] }
  const verdicts: [string, boolean][] = [
    ['{"a":1,"b":""}', true],
    ['{"a": 1, "b": "x"}', true],
    ['{"b":"é😀"}', true],
    ['{"a":1}', false],
    ['{"b":"","a":1}', false],
    ['{"b":"","c":1}', false],
    ['{"a":01,"b":""}', false],
    ['{"b":"\\ud800"}', false],
    ['{ "b":""}', false],
    ['{"b":""', false],
  ]
  for (const [text, isGood] of verdicts) assert.equal(accepts(person, text), isGood, text)
  const shared = { $defs: { n: { type: ['integer', 'null'] } }, type: 'array', items: { $ref: '#/$defs/n' } }
  assert.ok(accepts(shared, '[1, null,-2]'))
  assert.ok(!accepts(shared, '[1,"x"]'))
})

test('the tree of tokens finds what trying each token finds', () => {
  const shape = shapeOf({
    type: 'object',
    properties: { name: { type: 'string' }, on: { type: 'boolean' } },
    required: ['name'],
  })
  const mask = maskOf(tokenizer, shape)!
  const build = createExpressions()
  const automaton = createAutomaton(build, compileSchema(build, shape.schema))
  let state = automaton.start
  const stepAll = (from: typeof state, token: number) => {
    let next: typeof state | null = from
    for (const byte of tokenizer.tokenBytes(token)) next = next && automaton.step(next, byte)
    return next
  }
  for (const token of tokenizer.encode('{"name": "Łucja", "on":true}')) {
    const bits = mask.allowed()!
    for (let id = 0; id < tokenizer.vocabSize; id++) {
      const isStop = tokenizer.isStop(id)
      const isAllowed = isStop ? state.isEnd : tokenizer.tokenBytes(id).length > 0 && stepAll(state, id) !== null
      assert.equal(((bits[id >>> 5]! >>> (id & 31)) & 1) === 1, isAllowed, `token ${id}`)
    }
    mask.push(token)
    state = stepAll(state, token)!
  }
  assert.ok(state.isEnd)
})

test('a run is held to its schema, replays, and not under another', async () => {
  const schema = {
    type: 'object',
    properties: { colour: { enum: ['red', 'green'] }, count: { type: 'integer' } },
    required: ['colour', 'count'],
  }
  const request = {
    messages: [{ role: 'user', content: 'A colour and a number, please.' }],
    seed32: new Uint8Array(32).fill(3),
    maxTokens: 80,
    temperature: 1,
    topP: 1,
    shape: shapeOf(schema),
    logitBias: tokenizer.tables.stopTokens.map((token) => [token, 100] as const),
  }
  const run = await runChat(model, request)
  assert.equal(run.finishReason, 'stop')
  const value = JSON.parse(run.text) as { colour: string; count: number }
  assert.ok(['red', 'green'].includes(value.colour) && Number.isInteger(value.count), run.text)
  const claim = { outputTokens: run.outputTokens, finishReason: run.finishReason, traceRoot: run.trace!.root }
  const verdict = await replayChat(model, request, claim)
  assert.ok(verdict.ok && verdict.text === run.text)
  const blue = shapeOf({ ...schema, properties: { ...schema.properties, colour: { enum: ['blue'] } } })
  assert.ok(!(await replayChat(model, { ...request, shape: blue }, claim)).ok)
  assert.ok(!(await replayChat(model, { ...request, shape: undefined }, claim)).ok)
})

const deep = (levels: number): object => (levels === 0 ? { type: 'null' } : { type: 'array', items: deep(levels - 1) })

test('what is not built is refused by name, what is too much by number', () => {
  const refused: [unknown, RegExp][] = [
    [{ type: 'object', properties: { a: { type: 'array', uniqueItems: true } } }, /properties\/a has 'uniqueItems'/],
    [{ not: { type: 'null' } }, /'not', which is not supported/],
    [{ type: 'string', minItems: 1 }, /without the type/],
    [{ properties: {} }, /without the type/],
    [{ type: 'text' }, /no type that is known/],
    [{ type: [] }, /no type/],
    [{ anyOf: [] }, /no list of schemas/],
    [{ enum: [] }, /no list of values/],
    [{ enum: [1], type: 'string' }, /does not fit/],
    [{ anyOf: [true], minLength: 1 }, /without the type/],
    [{ type: 'array', minItems: 3, maxItems: 2 }, /below its minItems/],
    [{ type: 'string', maxLength: 1e9 }, /maxLength/],
    [{ type: 'object', properties: {}, required: ['a'] }, /'a', which properties has not/],
    [{ type: 'object', properties: { a: false } }, /properties\/a is no schema/],
    [{ $ref: '#/$defs/b', $defs: {} }, /leads nowhere/],
    [{ $ref: 'https://example.org' }, /not of the form/],
    [deep(40), /deeper than 32/],
    [{ type: 'array', items: { anyOf: Array.from({ length: 3_000 }, () => true) } }, /more than 2048 schemas/],
    [{ enum: Array.from({ length: 3_000 }, (_, at) => at) }, /more than 2048 constants/],
    [{ const: 'x'.repeat(70_000) }, /more than 65536 characters/],
    [[], /no JSON object/],
  ]
  for (const [schema, reason] of refused) {
    assert.throws(
      () => checkShape(shapeOf(schema)),
      (fault) => fault instanceof SchemaUnsupportedError && reason.test(fault.message),
      JSON.stringify(schema).slice(0, 80),
    )
  }
  // Thirty definitions that each name the next twice stand for a thousand million schemas.
  const doubling = Object.fromEntries(
    Array.from({ length: 30 }, (_, at) => [
      `d${at}`,
      { anyOf: [{ $ref: `#/$defs/d${at + 1}` }, { $ref: `#/$defs/d${at + 1}` }] },
    ]),
  )
  assert.throws(
    () => checkShape(shapeOf({ $ref: '#/$defs/d0', $defs: { ...doubling, d30: {} } })),
    /more than 2048 schemas|deeper/,
  )
})

test('a schema under which too many texts begin alike is refused before it costs anything', () => {
  const counted = (count: number) => ({
    anyOf: Array.from({ length: count }, (_, at) => ({ type: 'string', maxLength: 50 + at })),
  })
  const allowedIn = (schema: unknown, written: string) => {
    const mask = maskOf(tokenizer, shapeOf(schema))!
    for (const token of tokenizer.encode(written)) mask.push(token)
    return mask.allowed()
  }
  assert.ok(allowedIn(counted(5), '"a'))
  assert.throws(() => allowedIn(counted(1_000), '"a'), /too many different texts begin alike/)
  assert.ok(allowedIn({ enum: Array.from({ length: 2_000 }, (_, at) => `value ${at}`) }, '"value 1'))
})

test('any JSON as a schema, and any text, is taken or refused', () => {
  const check = (shape: AnswerShape) => {
    try {
      checkShape(shape)
    } catch (fault) {
      assert.ok(fault instanceof SchemaUnsupportedError, String(fault))
    }
  }
  fc.assert(fc.property(fc.jsonValue(), (value) => check(shapeOf(value))))
  fc.assert(
    fc.property(fc.string(), (schema) => check({ schema: schema || '?', tools: '', toolChoice: '', callsMax: 0 })),
  )
  const keyword = fc.constantFrom(
    'type',
    'properties',
    'items',
    'enum',
    'const',
    'anyOf',
    '$ref',
    '$defs',
    'required',
    'minLength',
    'pattern',
    'allOf',
    'oneOf',
    'multipleOf',
  )
  fc.assert(fc.property(fc.dictionary(keyword, fc.jsonValue()), (value) => check(shapeOf(value))))
})

test('a vocabulary without the bytes for it says so', () => {
  const tables = {
    ...tokenizer.tables,
    tokens: ['a', 'b', '<end>'],
    types: Float64Array.of(1, 1, 3),
    merges: [],
    beginToken: -1,
    endToken: 2,
    stopTokens: [2],
  }
  const poor = createTokenizer(tables)
  assert.throws(() => maskOf(poor, shapeOf({ type: 'string' }))!.allowed(), /no token with which/)
})
