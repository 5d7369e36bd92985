import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 } from '@weightless/codec'
import { isOneByteZeroed } from './isOneByteZeroed.ts'

test('finds that one byte became zero, wherever it was', () => {
  const bytes = new Uint8Array(3000)
  for (let at = 0; at < bytes.length; at += 7) {
    bytes[at] = 1 + (at % 255)
    const before = crc32(bytes)
    bytes[at] = 0
    assert.ok(isOneByteZeroed(bytes, crc32(bytes), before))
  }
})
