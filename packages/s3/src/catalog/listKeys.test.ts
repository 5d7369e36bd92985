/** Listings against the plain meaning of prefix, delimiter and marker, over random keys of any characters. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { behindPrefix, fromOrdered, toOrdered } from './keyOrder.ts'
import { type ListQuery, listKeys } from './listKeys.ts'
import type { ObjectRecord } from './records.ts'

const record = { sizeBytes: 0, etag: '', modifiedMs: 0 } satisfies ObjectRecord

/** A bucket as the catalogue pages it. */
function bucketOf(keys: readonly string[]) {
  const sorted = [...new Set(keys.map(toOrdered))].sort()
  return {
    page: (_bucket: string, start: string, limit: number) =>
      sorted
        .filter((key) => key >= start)
        .slice(0, limit)
        .map((ordered) => ({ ordered, record })),
  }
}

/** Every name that a listing without limit shows, by the words of the S3 reference. */
function plainListing(keys: readonly string[], { prefix, delimiter, after }: ListQuery): string[] {
  const bytes = (text: string) => Buffer.from(text, 'utf8')
  const behind = keys.filter((key) => key.startsWith(prefix) && (after === '' || bytes(key).compare(bytes(after)) > 0))
  const names = behind.map((key) => {
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    return cut < 0 ? key : key.slice(0, cut + delimiter.length)
  })
  // A rolled-up name that was the last of the page before is not told again.
  return [...new Set(names)].filter((name) => name !== after).sort((a, b) => bytes(a).compare(bytes(b)))
}

const text = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', '/', 'ü'), maxLength: 6 }),
  fc.string({ unit: fc.constantFrom('\u{1f600}', '\uffee', 'z', '/'), maxLength: 4 }),
)
const keyList = fc.array(
  text.filter((key) => key !== ''),
  { maxLength: 30 },
)

describe('listings', () => {
  test('pages of any size make up exactly the plain listing', () => {
    fc.assert(
      fc.property(
        keyList,
        text,
        fc.constantFrom('', '/', 'ü', 'ab'),
        fc.integer({ min: 1, max: 5 }),
        (keys, prefix, delimiter, limit) => {
          const bucket = bucketOf(keys)
          const names: string[] = []
          let after = ''
          for (let pages = 0; ; pages++) {
            assert.ok(pages <= keys.length + 1, 'it never ends')
            const { objects, prefixes, next } = listKeys(bucket, 'b', { prefix, delimiter, after, limit })
            const page = [...objects.map(({ key }) => key), ...prefixes]
            assert.ok(page.length <= limit)
            names.push(...page)
            if (next === undefined) break
            assert.equal(page.length, limit)
            after = next
          }
          const wanted = plainListing([...new Set(keys)], { prefix, delimiter, after: '', limit })
          assert.equal(names.length, wanted.length)
          assert.deepEqual([...names].sort(), [...wanted].sort())
        },
      ),
      { numRuns: 400 },
    )
  })

  test('it goes on behind any place', () => {
    fc.assert(
      fc.property(keyList, text, text, fc.constantFrom('', '/'), (keys, prefix, after, delimiter) => {
        const query = { prefix, delimiter, after, limit: 1000 }
        // Behind a beginning that is itself rolled up, all that it stands for has been told.
        const isRolledUp =
          delimiter !== '' &&
          after.endsWith(delimiter) &&
          after.startsWith(prefix) &&
          after.indexOf(delimiter, prefix.length) === after.length - 1
        const left = isRolledUp ? keys.filter((key) => !key.startsWith(after)) : keys
        const { objects, prefixes, next } = listKeys(bucketOf(keys), 'b', query)
        assert.equal(next, undefined)
        const names = [...objects.map(({ key }) => key), ...prefixes]
        assert.deepEqual(names.sort(), plainListing([...new Set(left)], query).sort())
      }),
      { numRuns: 400 },
    )
  })

  test('a page of nothing is a page, and names round-trip', () => {
    assert.deepEqual(listKeys(bucketOf(['a']), 'b', { prefix: '', delimiter: '', after: '', limit: 0 }), {
      objects: [],
      prefixes: [],
      next: undefined,
    })
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (key) => fromOrdered(toOrdered(key)) === key))
    assert.equal(behindPrefix('a/'), 'a0')
    assert.equal(behindPrefix('\xff'), undefined)
  })
})
