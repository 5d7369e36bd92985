import assert from 'node:assert/strict'
import { test } from 'node:test'
import { concatBytes } from '@weightless/codec'
import fc from 'fast-check'
import { countZeroPieces, layRecords, readRecordHeader, recordBytes, recordHeaderBytes } from './recordFrame.ts'

/** Mostly zeros, sometimes long enough to be written from where it lies. */
const piece = fc
  .tuple(fc.constantFrom(0, 1, 31, 511, 512, 513, 5_000, 16_384, 40_000), fc.nat(), fc.nat(3))
  .map(([length, at, value]) => {
    const bytes = new Uint8Array(length)
    if (length > 0) bytes[at % length] = value
    return bytes
  })

test('records are the same bytes however their payloads are cut', () => {
  const payloads = fc.array(fc.array(piece, { maxLength: 4 }), { minLength: 1, maxLength: 4 })
  fc.assert(
    fc.property(payloads, fc.integer({ min: 1, max: 100 }), (cut, start) => {
      const inParts = layRecords(cut, 32 * start, 7)
      const whole = layRecords(cut.map(concatBytes), 32 * start, 7)
      assert.deepEqual(inParts.offsets, whole.offsets)
      const bytes = concatBytes(inParts.parts)
      assert.equal(Buffer.compare(bytes, concatBytes(whole.parts)), 0)
      assert.equal(bytes.length, inParts.byteLength)
      for (const [i, offset] of inParts.offsets.entries()) {
        const payload = concatBytes(cut[i]!)
        const at = offset - 32 * start
        const header = readRecordHeader(bytes.subarray(at))
        assert.equal(header?.payloadBytes, payload.length)
        assert.equal(header?.zeroPieces, slowZeroPieces(payload, offset + recordHeaderBytes))
        const place = bytes.subarray(at + recordHeaderBytes, at + recordBytes(payload.length))
        assert.equal(Buffer.compare(place.subarray(0, payload.length), payload), 0)
        assert.ok(place.subarray(payload.length).every((byte) => byte === 0))
      }
    }),
  )
})

test('zero pieces are counted over the seams of parts', () => {
  assert.equal(countZeroPieces([new Uint8Array(100), new Uint8Array(412)], 0), 1)
  assert.equal(countZeroPieces([new Uint8Array(100), Uint8Array.of(1), new Uint8Array(1_000)], 0), 2)
  assert.equal(countZeroPieces([], 40), 0)
})

/** Sector by sector, over the payload in one piece. */
function slowZeroPieces(payload: Uint8Array, fileOffset: number): number {
  let count = 0
  for (let start = 0; start < payload.length; ) {
    const end = Math.min(payload.length, start + 512 - ((fileOffset + start) % 512))
    if (payload.subarray(start, end).every((byte) => byte === 0)) count++
    start = end
  }
  return count
}
