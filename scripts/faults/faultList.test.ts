import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { faults, faultTable } from './faultList.ts'
import { swapIn } from './swapIn.ts'

const read = (path: string) => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

test('each check of the list stands in its file, once, and its test is there', () => {
  for (const one of faults) {
    assert.notEqual(swapIn(read(one.file), { check: one.check, without: one.without ?? '' }), read(one.file), one.fault)
    assert.match(read(one.test), /\b(test|it)\(/)
  }
})

test('a check that is gone, or stands there twice, is an error', () => {
  assert.throws(() => swapIn('a', { check: 'b', without: '' }), /0 times/)
  assert.throws(() => swapIn('bab', { check: 'b', without: '' }), /2 times/)
})

test('the table of docs/faults.md is that of the list', () => {
  assert.ok(read('docs/faults.md').includes(faultTable()), faultTable())
})
