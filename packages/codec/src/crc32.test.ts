import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32 as zlibCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { crc32, sliceByEight } from './crc32.ts'

for (const [name, engine] of Object.entries({ crc32, sliceByEight })) {
  test(`${name} equals the CRC-32 of zlib, whole and in pieces`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), fc.uint8Array({ maxLength: 100 }), (a, b) => {
        assert.equal(engine(a, 0), zlibCrc32(a))
        assert.equal(engine(b, engine(a, 0)), zlibCrc32(b, zlibCrc32(a)))
      }),
    )
  })
}
