/** Sealing and the puzzle against the network's vector, and BLAKE2b against another implementation. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes, uintToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { blake2b } from 'hash-wasm'
import { keccak256 } from './keccakKernel.ts'
import {
  growPads,
  hitsOf,
  padSeedOf,
  qualitiesOf,
  recallLoad,
  recallRange,
  recallRangeDigest,
  scaledTarget,
  sealInPlace,
  shardMaskOf,
  unsealInPlace,
} from './pora.ts'

type Vector = {
  seal: Record<string, Hex> & { startSector: number }
  pora: Record<string, Hex> & { sealOffset: number; loadChunk: number; recallPosition: number }
}
const vector = JSON.parse(
  readFileSync(new URL('../../../vectors/pora/pora.json', import.meta.url), 'utf8'),
) as unknown as Vector
const plain = (): Uint8Array => Uint8Array.from({ length: 4096 }, (_, i) => (i * 7 + (i >> 8) * 13) & 255)
const all = 2n ** 64n - 1n

test('a seal equals the published one, and opens again', () => {
  const { seal } = vector
  const bytes = plain()
  assert.equal(bytesToHex(keccak256(bytes)), seal.plainKeccak)
  const tag = {
    minerId: hexToBytes(seal.minerId!),
    contextDigest: hexToBytes(seal.contextDigest!),
    startSector: seal.startSector,
  }
  sealInPlace(bytes, tag)
  assert.equal(bytesToHex(bytes.subarray(0, 32)), seal.sealedWord0)
  assert.equal(bytesToHex(bytes.subarray(4064)), seal.sealedWord127)
  assert.equal(bytesToHex(keccak256(bytes)), seal.sealedKeccak)
  unsealInPlace(bytes, tag)
  assert.deepEqual(bytes, plain())
})

test('the puzzle equals the published one at each step', () => {
  const { pora } = vector
  const range = { startPosition: 0n, mineLength: 65_536n, shardId: 0n, shardMask: shardMaskOf(1) }
  const rangeDigest = recallRangeDigest(range)
  assert.equal(bytesToHex(rangeDigest), pora.rangeDigest)
  const padSeed = padSeedOf({
    minerId: hexToBytes(pora.minerId!),
    nonce: hexToBytes(pora.nonce!),
    subtaskDigest: hexToBytes(pora.subtaskDigest!),
    rangeDigest,
  })
  assert.equal(bytesToHex(padSeed), pora.padSeed)
  const [, nonce] = growPads([new Uint8Array(64), padSeed])
  assert.equal(bytesToHex(nonce!.recallSeed), pora.recallSeed)
  assert.equal(bytesToHex(nonce!.pad.subarray(0, 64)), pora.firstCell)
  assert.equal(bytesToHex(keccak256(nonce!.pad)), pora.padKeccak)
  assert.equal(recallLoad(nonce!.recallSeed, range), 1024 * pora.loadChunk)
  const sealed = new Uint8Array(262_144)
  sealed.set(plain(), 4096 * pora.sealOffset)
  const quality = qualitiesOf(nonce!, sealed, all).slice(32 * pora.sealOffset, 32 * pora.sealOffset + 32)
  assert.equal(bytesToHex(quality), pora.quality)
  const target = BigInt(pora.quality!)
  assert.deepEqual(hitsOf(qualitiesOf(nonce!, sealed, 1n << 5n), 1n << 5n, target), [5])
  assert.deepEqual(hitsOf(qualitiesOf(nonce!, sealed, 1n << 5n), 1n << 5n, target - 1n), [])
  assert.equal(hitsOf(qualitiesOf(nonce!, sealed, all), 0n, 2n ** 256n - 1n).length, 0)
})

test('all 64 qualities are BLAKE2b of what the rules say', async () => {
  const sealed = Uint8Array.from({ length: 262_144 }, (_, i) => (i * 31 + (i >> 7) * 17) & 255)
  const padSeed = Uint8Array.from({ length: 64 }, (_, i) => 255 - i)
  const [nonce] = growPads([padSeed])
  const { pad } = nonce!
  const qualities = qualitiesOf(nonce!, sealed, all).slice()
  for (let index = 0; index < 64; index++) {
    const message = new Uint8Array(4224)
    message.set(uintToBytes(BigInt(index), 32))
    message.set(padSeed, 32)
    for (let i = 0; i < 4096; i++) message[128 + i] = sealed[4096 * index + i]! ^ pad[4096 * (index % 4) + i]!
    const expected = (await blake2b(message, 512)).slice(0, 64)
    assert.equal(bytesToHex(qualities.subarray(32 * index, 32 * index + 32)), `0x${expected}`, `seal ${index}`)
  }
})

test('seals are undone by their own tag and by no other', () => {
  const word = fc.uint8Array({ minLength: 32, maxLength: 32 })
  const seal = fc.uint8Array({ minLength: 4096, maxLength: 4096 })
  fc.assert(
    fc.property(word, word, fc.nat(2 ** 30), seal, (minerId, contextDigest, at, bytes) => {
      const tag = { minerId, contextDigest, startSector: 16 * at }
      const copy = bytes.slice()
      sealInPlace(copy, tag)
      const wrong = copy.slice()
      unsealInPlace(copy, tag)
      assert.deepEqual(copy, bytes)
      unsealInPlace(wrong, { ...tag, startSector: tag.startSector + 16 })
      // only the first word depends on the tag when unsealing
      assert.notDeepEqual(wrong.subarray(0, 32), bytes.subarray(0, 32))
    }),
    { numRuns: 50 },
  )
})

test('ranges are those that the contract takes', () => {
  assert.equal(recallRange(1023n, 1, 0), undefined)
  fc.assert(
    fc.property(
      fc.bigInt(1024n, 2n ** 44n),
      fc.nat(8),
      fc.option(fc.bigInt(0n, 2n ** 44n)),
      (flowLength, log, start) => {
        const shards = 2n ** BigInt(log)
        const range = recallRange(flowLength, Number(shards), 0, start ?? undefined)!
        assert.ok(start === null || range.startPosition <= start)
        const minable = (flowLength / 1024n) * 1024n
        const most = 2n ** 35n * shards
        assert.equal(range.startPosition % 2n ** 25n, 0n)
        assert.ok(range.startPosition + range.mineLength <= minable)
        assert.equal(range.mineLength, minable < most ? minable : most)
        assert.equal(range.shardId & range.shardMask, 0n)
      },
    ),
  )
})

test('twice the shards have half the target, and no overflow anywhere', () => {
  const full = 2n ** 256n - 1n
  assert.equal(scaledTarget(full, 2n ** 20n, 1), (full / 2n ** 64n) << 64n)
  const half = scaledTarget(full, 2n ** 20n, 2)
  assert.equal(half, (full / 2n ** 65n) << 64n)
  assert.equal(scaledTarget(full, 2n ** 36n, 2), (full / 2n ** 64n) << 64n)
  assert.equal(scaledTarget(full, 1n, 2), 0n)
})
