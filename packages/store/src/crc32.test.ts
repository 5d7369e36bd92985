import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { crc32, isOneByteZeroed } from './crc32.ts'

test('equals the CRC-32 of zlib, whole and in pieces', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
      assert.equal(crc32(a), zlibCrc32(a))
      assert.equal(crc32(b, crc32(a)), zlibCrc32(b, zlibCrc32(a)))
    }),
  )
})

test('finds that one byte became zero, wherever it was', () => {
  const bytes = new Uint8Array(3000)
  for (let at = 0; at < bytes.length; at += 7) {
    bytes[at] = 1 + (at % 255)
    const before = crc32(bytes)
    bytes[at] = 0
    assert.ok(isOneByteZeroed(bytes, crc32(bytes), before))
  }
})
