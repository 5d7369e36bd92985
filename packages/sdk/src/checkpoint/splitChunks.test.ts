/** Cuts follow the content: the same everywhere, near the wanted length, and a change moves only its neighbours. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { chunkBytesMax, chunkBytesMin, findCut, splitChunks } from './splitChunks.ts'

function noise(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let state = seed
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state
  }
  return bytes
}

async function chunksOf(bytes: Uint8Array): Promise<{ id: string; length: number }[]> {
  const source = { sizeBytes: bytes.length, read: async (at: number, length: number) => bytes.slice(at, at + length) }
  const chunks: { id: string; length: number }[] = []
  let next = 0
  for await (const { offset, bytes: chunk } of splitChunks(source)) {
    assert.equal(offset, next)
    next += chunk.length
    chunks.push({ id: bytesToHex(sha256(chunk)), length: chunk.length })
  }
  assert.equal(next, bytes.length)
  return chunks
}

test('chunks are near the wanted length and never beyond their bounds', async () => {
  const chunks = await chunksOf(noise(20_000_000, 7))
  for (const { length } of chunks.slice(0, -1)) assert.ok(length >= chunkBytesMin && length <= chunkBytesMax)
  const mean = 20_000_000 / chunks.length
  assert.ok(mean > 180_000 && mean < 400_000, `mean ${mean}`)
  assert.equal((await chunksOf(new Uint8Array(0))).length, 0)
  assert.deepEqual(
    (await chunksOf(new Uint8Array(5))).map(({ length }) => length),
    [5],
  )
  assert.equal(findCut(new Uint8Array(3_000_000), 0), chunkBytesMax)
})

test('cuts are the format: they never change', async () => {
  const lengths = (await chunksOf(noise(2_000_000, 1))).map(({ length }) => length)
  assert.deepEqual(lengths, [301_946, 294_871, 81_353, 265_552, 358_389, 354_617, 295_509, 47_763])
})

test('inserted, removed and changed bytes leave far chunks as they are', async () => {
  const bytes = noise(10_000_000, 3)
  const before = new Set((await chunksOf(bytes)).map(({ id }) => id))
  const inserted = Buffer.concat([bytes.subarray(0, 5_000_000), Buffer.from('some more'), bytes.subarray(5_000_000)])
  const removed = Buffer.concat([bytes.subarray(0, 2_000_000), bytes.subarray(2_000_100)])
  const changed = bytes.slice()
  changed[9_000_000]! ^= 1
  for (const after of [inserted, removed, changed]) {
    const fresh = (await chunksOf(new Uint8Array(after))).filter(({ id }) => !before.has(id))
    assert.ok(fresh.length >= 1 && fresh.length <= 3, `${fresh.length} new chunks`)
  }
})
