/** Bounds, combinations and recursion of schemas against an independent validator. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { createExpressions } from '../expression.ts'
import { compileSchema } from './compileSchema.ts'
import { textsOf } from './schemaTexts.cases.ts'

const ajv = new Ajv({ strict: false, multipleOfPrecision: 9 })
addFormats.default(ajv)
const once = { endOnFailure: true, seed: 7 }

type Schema = { [keyword: string]: unknown }

const drawOf = (stream: fc.Stream<number>) => (count: number) => stream.next().value! % count

test('a number obeys bounds and multiples exactly', () => {
  const bound = fc.oneof(
    fc.integer({ min: -1_200, max: 1_200 }),
    fc.integer({ min: -400, max: 400 }).map((value) => value / 8),
    fc.constantFrom(0, -0.001, 1e-7, 99.99, 1e15, -1e20, 2 ** 53 - 1),
  )
  const numberSchema = fc.record(
    {
      type: fc.constantFrom('integer', 'number'),
      minimum: bound,
      maximum: bound,
      exclusiveMinimum: bound,
      exclusiveMaximum: bound,
      multipleOf: fc.constantFrom(1, 2, 7, 10, 0.5, 0.25, 12.5, 300),
    },
    { requiredKeys: ['type'] },
  )
  const value = fc.oneof(
    bound,
    fc.integer({ min: -1_300, max: 1_300 }),
    fc.integer({ min: -13_000, max: 13_000 }).map((tenths) => tenths / 10),
  )
  let [good, bad] = [0, 0]
  fc.assert(
    fc.property(
      numberSchema,
      fc.array(value, { minLength: 20, maxLength: 20 }),
      fc.infiniteStream(fc.nat()),
      (schema, values, stream) => {
        const isGood = ajv.compile(schema)
        let asked: ReturnType<typeof textsOf>
        try {
          asked = textsOf(schema)
        } catch (fault) {
          assert.match(String(fault), /obeyed by no number/)
          for (const one of values.filter(isWritten)) assert.ok(!isGood(one), `${JSON.stringify(schema)}: ${one}`)
          return
        }
        for (const one of values.filter(isWritten)) {
          isGood(one) ? good++ : bad++
          assert.equal(asked.accepts(JSON.stringify(one)), isGood(one), `${JSON.stringify(schema)}: ${one}`)
        }
        for (let i = 0; i < 5; i++) {
          const text = asked.draw(drawOf(stream), 40)
          if (text !== undefined) assert.ok(isGood(JSON.parse(text)), `${JSON.stringify(schema)}: ${text}`)
        }
      },
    ),
    { numRuns: 150, ...once },
  )
  assert.ok(good > 30 && bad > 300, `${good} good, ${bad} bad`)
})

/** Plain decimals of up to 15 digits: others are not written where there are bounds. */
const isWritten = (value: number): boolean => /^-?[0-9.]{1,15}$/.test(JSON.stringify(value))

const scalar: fc.Arbitrary<Schema> = fc.constantFrom<Schema>(
  { type: 'boolean' },
  { type: 'null' },
  { type: 'integer', minimum: 0, maximum: 120 },
  { type: 'integer', multipleOf: 5, exclusiveMinimum: -11, exclusiveMaximum: 11 },
  { type: ['string', 'null'], maxLength: 3 },
  { type: 'string', pattern: '^[a-c]{1,3}$' },
  { type: 'string', format: 'date' },
  { enum: ['red', 'green', 3] },
)
const objectOf = (names: string[], inner: fc.Arbitrary<Schema>): fc.Arbitrary<Schema> =>
  fc
    .tuple(fc.array(inner, { minLength: names.length, maxLength: names.length }), fc.subarray(names))
    .map(([schemas, required]) => ({
      type: 'object',
      properties: Object.fromEntries(names.map((name, i) => [name, schemas[i]])),
      required,
      additionalProperties: false,
    }))
const { schema: anySchema } = fc.letrec<{ schema: Schema; object: Schema }>((tie) => ({
  schema: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    scalar,
    tie('object'),
    fc.constantFrom<Schema>({ $ref: '#' }, { $ref: '#/$defs/tree' }, { $ref: '#/$defs/word' }),
    tie('schema').map((items) => ({ type: 'array', items, maxItems: 2 })),
    fc.array(tie('schema'), { minLength: 1, maxLength: 3 }).map((anyOf) => ({ anyOf })),
    fc.array(tie('object'), { minLength: 2, maxLength: 3 }).map((options) => ({ oneOf: options.map(tagged) })),
    fc.tuple(tie('object'), tie('object')).map(([a, b]) => ({ allOf: [open(a), open(b)], description: 'both' })),
    fc
      .tuple(
        scalar,
        fc.constantFrom<Schema>({ maxLength: 2, type: ['string', 'null'] }, { type: 'integer', maximum: 60 }),
      )
      .map((allOf) => ({ allOf })),
  ),
  object: fc.subarray(['a', 'b', 'c']).chain((names) => objectOf(names, tie('schema'))),
}))

const tagged = (option: Schema, kind: number): Schema => ({
  ...option,
  properties: { kind: { const: `k${kind}` }, ...(option.properties as object) },
  required: ['kind', ...(option.required as string[])],
})
/** Others may have more properties. */
const open = ({ additionalProperties: _, ...schema }: Schema): Schema => schema

const $defs = {
  tree: {
    type: 'object',
    properties: {
      left: { anyOf: [{ $ref: '#/$defs/tree' }, { type: 'null' }] },
      twigs: { type: 'array', items: { $ref: '#/$defs/tree' } },
    },
    required: ['left'],
    additionalProperties: false,
  },
  word: { type: 'string', pattern: '^[a-c]+$', maxLength: 4 },
}

/** A value with one thing changed, its names in the order in which they were. */
function change(value: unknown, draw: (count: number) => number): unknown {
  const others = [null, true, 7, 5, -10, 'a', 'abcd', '2024-02-30', [], {}]
  if (draw(3) === 0) return others[draw(others.length)]
  if (Array.isArray(value)) {
    const at = draw(value.length + 1)
    return draw(2) === 0 ? [...value, ...value] : value.map((item, i) => (i === at ? change(item, draw) : item))
  }
  if (typeof value !== 'object' || value === null) return others[draw(others.length)]
  const entries = Object.entries(value)
  const at = draw(entries.length + 1)
  if (draw(2) === 0) return Object.fromEntries(entries.filter((_, i) => i !== at))
  return Object.fromEntries(entries.map(([name, item], i) => [name, i === at ? change(item, draw) : item]))
}

test('what is drawn of a schema obeys it, and what is changed is taken if it still does', () => {
  let [drawn, kept, lost, refused] = [0, 0, 0, 0]
  fc.assert(
    fc.property(anySchema, fc.infiniteStream(fc.nat()), (inner, stream) => {
      const schema = { ...inner, $defs }
      let asked: ReturnType<typeof textsOf>
      try {
        asked = textsOf(schema)
      } catch (fault) {
        refused++
        return assert.match(
          String(fault),
          /obeyed by no|itself|might obey both|beside|lies deeper/,
          JSON.stringify(schema),
        )
      }
      const isGood = ajv.compile(schema)
      const draw = drawOf(stream)
      const text = asked.draw(draw, 300)
      if (text === undefined) return
      drawn++
      const value: unknown = JSON.parse(text)
      assert.ok(isGood(value), `${JSON.stringify(schema)}: ${text}`)
      assert.ok(asked.accepts(JSON.stringify(value)), `${JSON.stringify(schema)}: ${text}`)
      for (let i = 0; i < 8; i++) {
        const changed = change(value, draw)
        isGood(changed) ? kept++ : lost++
        assert.equal(
          asked.accepts(JSON.stringify(changed)),
          isGood(changed),
          `${JSON.stringify(schema)}: ${JSON.stringify(changed)}`,
        )
      }
    }),
    { numRuns: 250, ...once },
  )
  assert.ok(drawn > 100 && kept > 100 && lost > 100 && refused < 125, `${[drawn, kept, lost, refused]}`)
})

test('a recursive definition nests 64 deep and no deeper, and what has no end is not begun', () => {
  const list = {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
        required: ['next'],
      },
    },
  }
  const chain = (nodes: number) => `${'{"next":'.repeat(nodes)}null${'}'.repeat(nodes)}`
  const asked = textsOf(list)
  assert.ok(asked.accepts(chain(64)))
  assert.ok(!asked.accepts(chain(65)))
  const tree = { type: 'object', properties: { of: { type: 'array', items: { $ref: '#' } } }, required: ['of'] }
  assert.ok(textsOf(tree).accepts('{"of":[{"of":[]}, {"of":[{"of":[]}]}]}'))
  assert.ok(!textsOf(tree).accepts('{"of":[{}]}'))
  const endless = { type: 'object', properties: { a: { $ref: '#/$defs/e' } }, required: ['a'] }
  // The first option is never begun: nothing of it would end.
  const saved = textsOf({ anyOf: [{ $ref: '#/$defs/e' }, { type: 'null' }], $defs: { e: endless } })
  assert.ok(saved.accepts('null') && !saved.accepts('{"a":null}'))
  assert.equal(
    saved.draw(() => 0, 10),
    'null',
  )
  const shared = {
    type: 'object',
    properties: { a: { $ref: '#/properties/b' }, b: { type: 'integer' } },
    required: ['a'],
  }
  assert.ok(textsOf(shared).accepts('{"a":1,"b":2}'))
})

test('what cannot be decided, or has no end, is refused by name', () => {
  const object = (properties: object, required = Object.keys(properties)) => ({ type: 'object', properties, required })
  const chainOf = (count: number) =>
    Object.fromEntries(
      Array.from({ length: count }, (_, i) => [
        `d${i}`,
        { type: 'array', items: { $ref: `#/$defs/d${(i + 1) % count}` } },
      ]),
    )
  const refused: [unknown, RegExp][] = [
    [{ $ref: '#' }, /leads back to itself without a list or an object/],
    [
      { anyOf: [{ type: 'null' }, { $ref: '#/$defs/a' }], $defs: { a: { anyOf: [{ $ref: '#' }] } } },
      /leads back to itself/,
    ],
    [object({ a: { $ref: '#' } }), /obeyed by no value that ends/],
    [{ allOf: [{ $ref: '#' }, { type: 'null' }] }, /deeper than 32|leads back/],
    [{ $ref: '#/$defs/d0', $defs: chainOf(65) }, /more than 64 definitions/],
    [{ oneOf: [{ type: 'string' }, { type: 'string', maxLength: 3 }] }, /options 0 and 1 that one value might obey/],
    [{ oneOf: [{ type: 'number' }, { type: 'null' }, { type: 'integer' }] }, /options 0 and 2/],
    [{ oneOf: [object({ a: true }), object({ b: true })] }, /options 0 and 1/],
    [{ oneOf: [] }, /no list of schemas/],
    [{ oneOf: Array.from({ length: 200 }, (_, i) => object({ kind: { const: i } })) }, /more than 16384 comparisons/],
    [{ allOf: [{ type: 'string' }, { type: 'integer' }] }, /obeyed by no value/],
    [{ allOf: [{ const: 1 }, { enum: [2, 3] }] }, /obeyed by no value/],
    [{ allOf: [object({ a: true }), { ...object({}), additionalProperties: false }] }, /obeyed by no value/],
    [{ allOf: [{ not: {} }, { not: {} }] }, /'not', which is not supported/],
    [
      { allOf: Array.from({ length: 12 }, () => ({ anyOf: [{ type: 'null' }, { type: 'string' }, true] })) },
      /more than 2048 schemas/,
    ],
    [{ enum: ['a'], minLength: 1 }, /'minLength' beside 'enum'/],
    [{ type: 'integer', minimum: 0.1, maximum: 0.9 }, /obeyed by no number of 15 digits/],
    [{ type: 'integer', multipleOf: 0 }, /multipleOf is not above 0/],
    [{ type: 'number', multipleOf: 1e-16 }, /multipleOf is not above 0/],
    [{ type: 'integer', minimum: '3' }, /minimum is no number/],
    [{ type: 'number', exclusiveMinimum: true, minimum: 1 }, /exclusiveMinimum is no number/],
    [{ minimum: 3 }, /without the type/],
  ]
  for (const [schema, reason] of refused) {
    assert.throws(() => textsOf(schema), reason, JSON.stringify(schema).slice(0, 100))
  }
})

test('what would cost without bound is refused, or costs little', () => {
  const nested = `{"const":${'['.repeat(30_000)}${']'.repeat(30_000)}}`
  const build = createExpressions()
  assert.throws(() => compileSchema(build, nested), /nests deeper than 1000 levels/)
  assert.ok(compileSchema(build, `{"const":${'['.repeat(900)}${']'.repeat(900)}}`))
  // Two ways at every level.
  const list = (items: object) => ({ type: 'array', items })
  const node = { $ref: '#/$defs/n' }
  const ambiguous = textsOf({ ...node, $defs: { n: list({ anyOf: [node, list(node)] }) } })
  assert.ok(ambiguous.accepts('[[[[]]]]'))
  assert.throws(() => ambiguous.accepts('['.repeat(200)), /too many different texts begin alike/)
  // Two ways to the same place.
  const twice = (i: number) => ({ anyOf: [{ $ref: `#/$defs/a${i}` }, { $ref: `#/$defs/b${i}` }] })
  const ladder = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [
      [`a${i}`, i < 29 ? twice(i + 1) : list({ $ref: '#' })],
      [`b${i}`, i < 29 ? twice(i + 1) : { type: 'null' }],
    ]).flat(),
  )
  const climbed = textsOf({ ...twice(0), $defs: ladder })
  assert.ok(climbed.accepts('[null, null]') && !climbed.accepts('[1]'))
})

test('options of oneOf that no value shares are taken, each with its own words', () => {
  const kinds = {
    oneOf: [
      { $ref: '#/$defs/cat' },
      { $ref: '#/$defs/dog' },
      { type: 'integer', maximum: 3 },
      { type: 'integer', minimum: 4 },
    ],
  }
  const animal = (kind: string, more: object) => ({
    type: 'object',
    properties: { kind: { const: kind }, ...more },
    required: ['kind', ...Object.keys(more)],
    additionalProperties: false,
  })
  const $defs = { cat: animal('cat', { lives: { type: 'integer' } }), dog: animal('dog', {}) }
  const asked = textsOf({ ...kinds, $defs })
  for (const text of ['{"kind":"cat","lives":9}', '{"kind":"dog"}', '3', '4', '-7'])
    assert.ok(asked.accepts(text), text)
  for (const text of ['{"kind":"cat"}', '{"kind":"dog","lives":9}', 'null']) assert.ok(!asked.accepts(text), text)
})

test('bounds that every written number keeps say nothing; multiples are those of decimal arithmetic', () => {
  const safe = { type: 'integer', minimum: Number.MIN_SAFE_INTEGER, maximum: Number.MAX_SAFE_INTEGER }
  assert.ok(textsOf(safe).accepts('-0') && textsOf(safe).accepts('999999999999999'))
  assert.ok(!textsOf({ type: 'integer', minimum: 0 }).accepts('-0'))
  const prices = textsOf({ type: 'number', exclusiveMinimum: 0, maximum: 1e6, multipleOf: 0.01 })
  for (const text of ['0.01', '19.99', '1000000', '1000000.00']) assert.ok(prices.accepts(text), text)
  for (const text of ['0', '0.00', '0.001', '1e3', '1000000.01', '-1', '.5', '01'])
    assert.ok(!prices.accepts(text), text)
})
