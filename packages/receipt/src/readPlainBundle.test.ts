/** The quick reader beside the schema: it takes nothing else, and reads nothing otherwise. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import fc from 'fast-check'
import { readBundle, readBySchema } from './bundle.ts'
import { readPlainBundle } from './readPlainBundle.ts'

type Vector = { bundle: { receipt: object; opening: object } & Record<string, unknown> }
const { vectors, shaped, bodies } = JSON.parse(
  readFileSync(new URL('../../../vectors/receipt/receipts.json', import.meta.url), 'utf8'),
) as Record<'vectors' | 'shaped' | 'bodies', Vector[]>

const word = `0x${'aB'.repeat(32)}`
const address = `0x${'Cd'.repeat(20)}`
const numbers = { jobNonce: '7', maxFee: '8', deadline: '9' }
const authorization = { user: address, provider: address, requestHash: word, priceId: word, ...numbers }
const acceptance = { authorization, signature: `0x${'1F'.repeat(65)}` }

/** Bundles of every kind that the quick reader is for. */
const plain: unknown[] = [...vectors, ...bodies].map(({ bundle }) => bundle)
const [chat, otherChat] = vectors.map(({ bundle }) => bundle)
plain.push(
  { ...chat, acceptance, signature: `${chat!.signature}${'0f'.repeat(32 * 3)}` },
  { ...chat, opening: { ...chat!.opening, trace: '0xABcd', seed: { kind: 'seed', value: '-9223372036854775808' } } },
  { ...otherChat, opening: { ...otherChat!.opening, trace: '0x', seed: { kind: 'nonce', nonce: word } } },
)

test('bundles of one plain answer, or about bytes, are read as the schema reads them', () => {
  assert.equal(plain.length, 21)
  let plainCount = 0
  for (const bundle of plain) {
    const read = readBySchema(bundle)
    assert.ok(read.ok, read.ok ? '' : read.detail)
    const quick = readPlainBundle(bundle)
    if (quick) plainCount++
    if (quick) assert.deepEqual(quick, read.value)
    assert.deepEqual(readBundle(bundle), read)
  }
  assert.ok(plainCount >= 18, `${plainCount} were read quickly`)
})

test('bundles with a shape are the schema’s', () => {
  for (const { bundle } of shaped) assert.equal(readPlainBundle(bundle), undefined)
})

const values: unknown[] = [
  ...[undefined, null, true, {}, [], [[]], { kind: 'body' }, Number.NaN, Number.POSITIVE_INFINITY, 1n],
  ...[-1, -0, 0, 0.5, 1, 2, 101, 256, 65_536, 2 ** 32, 2 ** 53, 1e300],
  ...['', '0', '00', '-0', '-1', '1', ' 1', '1\n', '1e3', '0x1', '9'.repeat(19), '9'.repeat(20), '9'.repeat(78)],
  ...[`${2n ** 64n}`, `${2n ** 64n - 1n}`, `${2n ** 256n}`, `${2n ** 256n - 1n}`, '9223372036854775808'],
  ...['0x', '0x0', '0x00', '0xABC', '0X00', '0xgg', '0x00\n', word, `${word}\n`, word.slice(2), address],
  ...[65, 66, 97, 65 + 32 * 16, 65 + 32 * 17].map((bytes) => `0x${'ab'.repeat(bytes)}`),
  ...['\ud800', 'ok \u{1f600}', 'stop', 'length', 'cancelled', 'upstream_failed', 'seed', 'nonce', 'body', 'chat'],
  ...['/v1/chat/completions', '/v1/', '/v1/A', '/v1/x?y', `/v1/${'x'.repeat(121)}`],
  ...[Array(17).fill(''), Array(16).fill(''), Array(4_097).fill({ role: '', content: '' }), new Array(2)],
]
const names = ['trace', 'shape', 'more', 'acceptance', 'kind', '__proto__', 'constructor', 'extra', 'logitBias']

/** Every object and array within. */
function placesOf(json: unknown): (Record<string, unknown> | unknown[])[] {
  if (typeof json !== 'object' || json === null) return []
  return [json as Record<string, unknown>, ...Object.values(json).flatMap(placesOf)]
}

type Taken = 'quickly' | 'bySchema' | 'never'

/** How it was read; both readers must agree. */
function readBoth(json: unknown): Taken {
  const quick = readPlainBundle(json)
  const read = readBySchema(json)
  if (!quick) return read.ok ? 'bySchema' : 'never'
  assert.ok(read.ok, read.ok ? '' : read.detail)
  assert.deepEqual(quick, read.value)
  return 'quickly'
}

/** As JSON.parse does it, which gives an object a key of any name and no other prototype. */
function put(target: object, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true })
}

test('whatever stands in one place of a bundle, the quick reader takes it only where the schema does, as the same', () => {
  const taken = { quickly: 0, bySchema: 0, never: 0 }
  for (const bundle of [plain.at(-2), { ...(plain.at(-1) as object), acceptance }, bodies[0]!.bundle]) {
    const json = structuredClone(bundle)
    for (const target of placesOf(json) as Record<string, unknown>[]) {
      for (const key of new Set([...Object.keys(target), ...names])) {
        const before = Object.getOwnPropertyDescriptor(target, key)
        if (Array.isArray(target) && !before) continue
        if (Reflect.deleteProperty(target, key) && before) taken[readBoth(json)]++
        for (const value of values) {
          put(target, key, value)
          taken[readBoth(json)]++
        }
        Reflect.deleteProperty(target, key)
        if (before) put(target, key, before.value)
      }
    }
    // Keys that were taken out and put back stand in another order, which means nothing.
    assert.deepEqual(json, bundle)
  }
  assert.ok(taken.quickly > 500 && taken.never > 5_000, JSON.stringify(taken))
})

test('nor do changes of several places make them differ', () => {
  const taken = { quickly: 0, bySchema: 0, never: 0 }
  const change = fc.record({
    place: fc.nat(),
    at: fc.nat(),
    how: fc.constantFrom('put', 'put', 'remove', 'add'),
    name: fc.constantFrom(...names),
    value: fc.constantFrom(...values, acceptance),
  })
  fc.assert(
    fc.property(fc.constantFrom(...plain), fc.array(change, { minLength: 2, maxLength: 4 }), (bundle, changes) => {
      const json = structuredClone(bundle)
      for (const { place, at, how, name, value } of changes) {
        const places = placesOf(json)
        const target = places[place % places.length]!
        const key = how === 'add' ? name : (Object.keys(target)[at % Math.max(1, Object.keys(target).length)] ?? name)
        if (how === 'remove') Reflect.deleteProperty(target, key)
        else put(target, key, value)
      }
      taken[readBoth(json)]++
    }),
    { seed: 11, numRuns: 500 },
  )
  assert.ok(taken.never > 100, JSON.stringify(taken))
})
