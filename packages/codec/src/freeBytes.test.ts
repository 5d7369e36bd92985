import assert from 'node:assert/strict'
import { test } from 'node:test'
import { freeBuffer, freeBytes } from './freeBytes.ts'

test('bytes that are a whole buffer are empty once freed; a part of one stays', () => {
  const whole = new Uint8Array(65_536)
  freeBytes(whole)
  assert.equal(whole.length, 0)
  const part = new Uint8Array(65_536).subarray(1)
  freeBytes(part)
  assert.equal(part.length, 65_535)
  freeBuffer(part.buffer)
  assert.equal(part.length, 0)
})

test('short bytes stay, as the runtime shares its own buffers among them', () => {
  const short = new Uint8Array(64)
  freeBytes(short)
  assert.equal(short.length, 64)
})
