/** Patterns and formats against the regular expressions of the language and an independent validator. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { textsOf } from '../schema/schemaTexts.cases.ts'

const ajv = new Ajv({ strict: false })
addFormats.default(ajv)

const alphabet = ['a', 'b', '-', '1', '"', '\\', '\n', 'é', '😀', '\u2028', '\u0001']
const atom = fc.oneof(
  fc.constantFrom('a', 'b', 'é', '😀', '1', '"', '\\\\', '\\n', '\\-', '.', '\\d', '\\w', '\\s', '\\D', '\\W', '\\S'),
  fc.constantFrom('[ab]', '[^a]', '[a-b1]', '[^\\d\\n]', '[\\w-]', '[^]', '\\u{1F600}', '\\x61', '\\u00e9', '[é-😀]'),
)
const count = fc.constantFrom('', '', '', '*', '+', '?', '{2}', '{1,2}', '{0,3}', '{1,}', '*?', '+?')
const { pattern } = fc.letrec<{ pattern: string; term: string }>((tie) => ({
  term: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.tuple(atom, count).map(([one, times]) => one + times),
    fc.tuple(tie('pattern'), count).map(([inner, times]) => `(?:${inner})${times}`),
    fc.tuple(tie('pattern'), count).map(([inner, times]) => `(${inner})${times}`),
    fc.constantFrom('^', '$'),
  ),
  pattern: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.array(tie('term'), { maxLength: 4 }).map((terms) => terms.join('')),
    fc.array(tie('pattern'), { minLength: 2, maxLength: 2 }).map((options) => options.join('|')),
  ),
}))
const ahead = fc
  .tuple(fc.array(fc.tuple(fc.constantFrom('?=', '?!'), pattern), { minLength: 1, maxLength: 2 }), pattern)
  .map(([looks, rest]) => `^${looks.map(([kind, inner]) => `(${kind}${inner})`).join('')}(?:${rest})`)

/** `\-` is no escape of the flag `u` outside of a class; it is taken here all the same. */
const regExpOf = (source: string) => new RegExp(source.replaceAll('\\-', '-'), 'u')

test('a text obeys a pattern if the regular expression finds it', () => {
  let [good, bad, none] = [0, 0, 0]
  fc.assert(
    fc.property(
      fc.oneof({ weight: 4, arbitrary: pattern }, ahead),
      fc.array(fc.array(fc.constantFrom(...alphabet), { maxLength: 5 }), { minLength: 12, maxLength: 12 }),
      (source, texts) => {
        const expression = regExpOf(source)
        let asked: ReturnType<typeof textsOf>
        try {
          asked = textsOf({ type: 'string', pattern: source })
        } catch (fault) {
          none++
          if (/too much work|too many states/.test(String(fault))) return
          assert.match(String(fault), /obeyed by no text/, source)
          for (const text of texts) assert.ok(!expression.test(text.join('')), `${source} finds ${text.join('')}`)
          return
        }
        for (const text of texts.map((characters) => characters.join(''))) {
          const isGood = expression.test(text)
          isGood ? good++ : bad++
          assert.equal(asked.accepts(JSON.stringify(text)), isGood, `${source} and ${JSON.stringify(text)}`)
        }
      },
    ),
    { numRuns: 200, endOnFailure: true, seed: 7 },
  )
  assert.ok(good > 150 && bad > 150 && none < 100, `${good} found, ${bad} not, ${none} patterns without a text`)
})

test('what is drawn of a pattern, a format and lengths obeys all of them', () => {
  const stringSchema = fc.record(
    {
      type: fc.constant('string'),
      pattern: pattern,
      minLength: fc.nat(4),
      maxLength: fc.integer({ min: 4, max: 12 }),
    },
    { requiredKeys: ['type', 'pattern'] },
  )
  let drawn = 0
  fc.assert(
    fc.property(stringSchema, fc.infiniteStream(fc.nat()), (schema, stream) => {
      let asked: ReturnType<typeof textsOf>
      try {
        asked = textsOf(schema)
      } catch (fault) {
        return assert.match(String(fault), /obeyed by no text|too much work|too many states/)
      }
      const text = asked.draw((most) => stream.next().value! % most, 60)
      if (text === undefined) return
      drawn++
      const value = JSON.parse(text) as string
      const length = [...value].length
      assert.ok(regExpOf(schema.pattern).test(value), `${JSON.stringify(schema)} and ${text}`)
      assert.ok(length >= (schema.minLength ?? 0) && length <= (schema.maxLength ?? Infinity), text)
      assert.equal(text, JSON.stringify(value))
    }),
    { numRuns: 100, endOnFailure: true, seed: 7 },
  )
  assert.ok(drawn > 30, `only ${drawn} came to an end`)
})

const examples: Record<string, { good: string[]; bad: string[] }> = {
  date: {
    good: ['2024-02-29', '1999-12-31', '2000-02-29'],
    bad: ['2023-02-29', '1900-02-29', '2024-04-31', '2024-1-01'],
  },
  time: { good: ['23:59:59Z', '00:00:00.123+05:30'], bad: ['24:00:00Z', '12:00:00', '12:60:00Z'] },
  'date-time': {
    good: ['2024-02-29T12:00:00Z', '2024-01-01T00:00:00.5-23:59'],
    bad: ['2024-02-30T12:00:00Z', '2024-02-29'],
  },
  duration: { good: ['P1Y2M3D', 'PT36H', 'P4W', 'P1DT1S', 'PT1M5S'], bad: ['P', 'PT', 'P1W1D', '1Y', 'P1S'] },
  email: {
    good: ['a@b.co', 'a.b+c@x-y.example.org'],
    bad: ['a@b', '.a@b.co', 'a..b@b.co', 'a@-b.co', `${'a'.repeat(65)}@b.co`],
  },
  hostname: {
    good: ['a', 'x-1.example.org', 'a'.repeat(63)],
    bad: ['', '-a', 'a-', 'a..b', 'a'.repeat(64), 'a.'.repeat(130)],
  },
  ipv4: { good: ['0.0.0.0', '255.249.199.9'], bad: ['256.1.1.1', '1.1.1', '01.1.1.1'] },
  ipv6: {
    good: ['::', '::1', '1::', '1:2:3:4:5:6:7:8', '::ffff:1.2.3.4', 'fe80::1:2', '1:2:3:4:5:6:7::', '1::3:4:5:6:7:8'],
    bad: [':', '1:2:3:4:5:6:7', '1::2::3', '12345::', '1:2:3:4:5:6:7:8:9', '::1.2.3'],
  },
  uuid: {
    good: ['123e4567-e89b-12d3-a456-426614174000'],
    bad: ['123e4567e89b12d3a456426614174000', 'g23e4567-e89b-12d3-a456-426614174000'],
  },
}

test('formats are what they are elsewhere', () => {
  for (const [format, { good, bad }] of Object.entries(examples)) {
    const asked = textsOf({ type: 'string', format })
    const isGood = ajv.compile({ type: 'string', format })
    for (const text of good) assert.ok(asked.accepts(JSON.stringify(text)) && isGood(text), `${format}: ${text}`)
    for (const text of bad) assert.ok(!asked.accepts(JSON.stringify(text)), `${format}: ${text}`)
    fc.assert(
      fc.property(fc.infiniteStream(fc.nat()), (stream) => {
        const text = asked.draw((most) => stream.next().value! % most, 120)
        if (text !== undefined) assert.ok(isGood(JSON.parse(text)), `${format}: ${text}`)
      }),
      { numRuns: 15, endOnFailure: true, seed: 7 },
    )
    // One character of a good one changed, left out or doubled.
    fc.assert(
      fc.property(
        fc.constantFrom(...good),
        fc.nat(),
        fc.constantFrom('', '0', '9', '-', ':', '.', 'a'),
        (text, at, other) => {
          const place = at % (text.length + 1)
          const changed = text.slice(0, place) + other + text.slice(place + 1)
          if (asked.accepts(JSON.stringify(changed))) assert.ok(isGood(changed), `${format}: ${changed}`)
        },
      ),
      { numRuns: 60, endOnFailure: true, seed: 7 },
    )
  }
})

test('patterns that cannot be decided exactly, or cost too much, are refused by name', () => {
  const refused: [string, RegExp][] = [
    ['(a)\\1', /'\\1', which is not supported/],
    ['\\bword', /'\\b', which is not supported/],
    ['\\p{L}', /'\\p', which is not supported/],
    ['a(?=b)', /looks ahead or behind in its middle/],
    ['(?<=a)b', /looks ahead or behind/],
    ['^(?!a)b|c', /lookahead beside '\|'/],
    ['(a', /lacks a '\)'/],
    ['a)', /a '\)' too many/],
    ['[a', /lacks a '\]'/],
    ['*a', /nothing before it/],
    ['a**', /nothing before it/],
    ['a{2', /no count/],
    ['a{3,2}', /ends before it begins/],
    ['a{1001}', /count above 1000/],
    ['[b-a]', /range that is none/],
    ['\\u{110000}', /half a character/],
    ['\\ud83d', /half a character/],
    ['(?:a{999}){999}', /more than 8192 parts/],
    ['^(?:(?:a?){60}){60}b', /too much work/],
    ['x'.repeat(1_025), /more than 1024 characters/],
    ['('.repeat(40) + ')'.repeat(40), /nests more than 32 groups/],
    ['(?:a|b)*a(?:a|b){30}', /too many states|too much work/],
    ['^a$b', /obeyed by no text/],
  ]
  for (const [pattern, reason] of refused) {
    assert.throws(() => textsOf({ type: 'string', pattern }), reason, pattern)
  }
  assert.throws(() => textsOf({ type: 'string', pattern: '^a*$', maxLength: 65_535 }), /too many states/)
  assert.throws(() => textsOf({ type: 'string', pattern: 3 }), /no text/)
  assert.throws(() => textsOf({ type: 'string', format: 'uri' }), /format 'uri', which is not supported/)
})
