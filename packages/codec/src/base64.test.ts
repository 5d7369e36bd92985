import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { decodeBase64, encodeBase64 } from './base64.ts'

const ascii = (text: string) => Uint8Array.from(Buffer.from(text, 'latin1'))

test('base64 decodes to what another implementation encoded, in either alphabet, and is encoded alike', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      const text = Buffer.from(bytes).toString('base64')
      assert.equal(encodeBase64(bytes), text)
      assert.deepEqual(decodeBase64(ascii(text)), bytes)
      assert.deepEqual(decodeBase64(ascii(text.replaceAll('+', '-').replaceAll('/', '_'))), bytes)
    }),
  )
})

test('what is no base64 is refused', () => {
  for (const text of [
    'a',
    'ab',
    'abc',
    'ab=',
    'a===',
    '====',
    'ab=c',
    'abc=abcd',
    'ab\u00e9d',
    'a bc',
    'abc\n',
    'ab"d',
  ]) {
    assert.equal(decodeBase64(ascii(text)), undefined, JSON.stringify(text))
  }
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 60 }), (bytes) => {
      const decoded = decodeBase64(bytes)
      const text = Buffer.from(bytes).toString('latin1')
      assert.equal(decoded !== undefined, /^([\w+/-]{4})*([\w+/-]{2}==|[\w+/-]{3}=)?$/.test(text))
    }),
  )
})
