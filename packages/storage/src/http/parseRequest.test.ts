import assert from 'node:assert/strict'
import { test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { parseRequest } from './parseRequest.ts'

const long = (value: number) => new Uint8Array(20_000).fill(value)
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

test('long base64 comes as bytes, everything else as JSON.parse has it', () => {
  const value = { id: 0.1, 'a"b\\': ['\\"', base64(long(1)), { x: base64(long(2)), y: 'é"\\' }], short: 'AAAA' }
  assert.deepEqual(parseRequest(textToBytes(JSON.stringify(value))), {
    id: 0.1,
    'a"b\\': ['\\"', long(1), { x: long(2), y: 'é"\\' }],
    short: 'AAAA',
  })
  const words = 'no base64 at all. '.repeat(2_000)
  assert.deepEqual(parseRequest(textToBytes(JSON.stringify([words]))), [words])
})

test('any value is what it was, around long strings too', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (before, after) => {
      const body = textToBytes(JSON.stringify([before, base64(long(3)), after]))
      const plain = JSON.parse(JSON.stringify([before, after])) as unknown[]
      assert.deepEqual(parseRequest(body), [plain[0], long(3), plain[1]])
    }),
  )
})

test('what is cut or changed anywhere is refused or is other JSON, never a fault', () => {
  const body = textToBytes(JSON.stringify({ method: 'm"', params: [base64(long(4)), '\u0000base64:7', '\\'] }))
  fc.assert(
    fc.property(fc.nat(body.length), fc.nat(body.length - 1), fc.nat(255), (cut, at, byte) => {
      assert.doesNotThrow(() => parseRequest(body.subarray(0, cut)))
      const changed = body.slice()
      changed[at] = byte
      assert.doesNotThrow(() => parseRequest(changed))
    }),
  )
  assert.equal(parseRequest(textToBytes(`{"a":"${base64(long(5))}`)), undefined)
})

test('decoded bytes stand in one place, whatever the request says of them', () => {
  const own = '\u0000base64:0'
  assert.deepEqual(parseRequest(textToBytes(JSON.stringify([base64(long(6)), own]))), [long(6), own])
})
