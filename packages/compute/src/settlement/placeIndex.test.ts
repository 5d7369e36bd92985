import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { createPlaceIndex } from './placeIndex.ts'

describe('an index of places', () => {
  test('is a map, whatever is put into it', () => {
    const name = fc.oneof(fc.string({ maxLength: 8 }), fc.nat(30).map(String))
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.maxSafeNat())), name, (entries, other) => {
        const [index, model] = [createPlaceIndex(), new Map<string, number>()]
        for (const [each, place] of entries) {
          index.set(each, place)
          model.set(each, place)
        }
        for (const each of [...model.keys(), other]) {
          assert.equal(index.get(each), model.get(each))
          assert.equal(index.has(each), model.has(each))
        }
      }),
    )
  })

  test('finds everything again after it has grown many times, and moves what is put twice', () => {
    const index = createPlaceIndex()
    for (let at = 0; at < 50_000; at++) index.set(`job-${at}`, at)
    for (let at = 0; at < 50_000; at += 7) index.set(`job-${at}`, 2 ** 53 - 1 - at)
    for (let at = 0; at < 50_000; at++) assert.equal(index.get(`job-${at}`), at % 7 === 0 ? 2 ** 53 - 1 - at : at)
    assert.equal(index.get('job-50000'), undefined)
  })
})
