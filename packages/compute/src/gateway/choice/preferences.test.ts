/** What is said of who may answer is read, also where the quick way for requests that say nothing stands before it. COMPUTE §10.2 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choiceHeaders, readPreferences } from './preferences.ts'

test('a request that says nothing has the wishes of an empty one', () => {
  const silent = readPreferences({ 'content-type': 'application/json' }, undefined)
  assert.deepEqual(silent, readPreferences({}, {}))
  assert.deepEqual(readPreferences({}, null), silent)
  assert.equal(silent.ok && silent.value.allowFallbacks, true)
})

test('each header that is not understood is refused by its name', () => {
  for (const name of Object.values(choiceHeaders)) {
    const read = readPreferences({ [name]: 'nonsense' }, undefined)
    assert.equal(read.ok, false)
    assert.equal(read.error?.param, name)
  }
})

test('a provider object that is not understood is refused', () => {
  for (const provider of [0, '', false, [], { unheard: 1 }, { only: 'all' }]) {
    assert.equal(readPreferences({}, provider).ok, false, JSON.stringify(provider))
  }
})
