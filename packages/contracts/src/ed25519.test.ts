/** Ed25519 and SHA-512 in the EVM beside another implementation: RFC 8032, lengths around blocks, and what must be refused. */
import assert from 'node:assert/strict'
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { describe, it } from 'node:test'
import { bytesToHex, type Hex, hexToBytes, slice } from 'viem'
import { openHarness } from '../scripts/openHarness.ts'

const order = 2n ** 252n + 27742317777372353535851937790883648493n
const littleEndian = (value: bigint): Hex =>
  bytesToHex(Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn)))
const littleOf = (word: Hex): bigint => hexToBytes(word).reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n)

function signed(message: Uint8Array): { key: Hex; message: Hex; r: Hex; s: Hex } {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const signature = bytesToHex(new Uint8Array(sign(null, message, privateKey)))
  const key = bytesToHex(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)))
  return { key, message: bytesToHex(message), r: slice(signature, 0, 32), s: slice(signature, 32) }
}

describe('Ed25519 in the EVM', async () => {
  const harness = await openHarness('Ed25519Harness')
  const isRight = (key: Hex, message: Hex, r: Hex, s: Hex): boolean =>
    (harness.must('verify', key, message, r, s) as [boolean, bigint])[0]

  it('hashes as SHA-512 does, at every length up to three blocks', () => {
    for (let length = 0; length <= 3 * 128; length += length < 120 ? 13 : 1) {
      const data = new Uint8Array(randomBytes(length))
      const hash = createHash('sha512').update(data).digest('hex')
      assert.deepEqual(harness.must('hash', bytesToHex(data)), [`0x${hash.slice(0, 64)}`, `0x${hash.slice(64)}`])
    }
  })

  it('agrees with RFC 8032, section 7.1', () => {
    const key = '0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'
    const r = '0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155'
    const s = '0x5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b'
    assert.equal(isRight(key, '0x', r, s), true)
    assert.equal(isRight(key, '0x00', r, s), false)
  })

  it('takes what another implementation signs, and nothing of it with one bit changed', () => {
    for (let round = 0; round < 20; round++) {
      const { key, message, r, s } = signed(new Uint8Array(randomBytes(round * 17)))
      assert.equal(isRight(key, message, r, s), true)
      const bit = randomBytes(1)[0]!
      const flip = (word: Hex): Hex => {
        const bytes = hexToBytes(word)
        bytes[bit >> 3]! ^= 1 << (bit & 7)
        return bytesToHex(bytes)
      }
      assert.equal(isRight(flip(key), message, r, s), false)
      assert.equal(isRight(key, message, flip(r), s), false)
      assert.equal(isRight(key, message, r, flip(s)), false)
      assert.equal(isRight(key, `${message}00`, r, s), false)
    }
  })

  it('refuses numbers and points in other encodings than the canonical one', () => {
    const { key, message, r, s } = signed(Uint8Array.of(1))
    assert.equal(isRight(key, message, r, littleEndian(littleOf(s) + order)), false)
    // The identity, by y = 1 and by y = p + 1: with s = 0 and r the identity any message would be signed by the first.
    const identity = littleEndian(1n)
    assert.equal(isRight(identity, message, identity, littleEndian(0n)), true)
    assert.equal(isRight(littleEndian(2n ** 255n - 18n), message, identity, littleEndian(0n)), false)
    assert.equal(isRight(littleEndian(1n + 2n ** 255n), message, identity, littleEndian(0n)), false)
    // No x belongs to this y.
    assert.equal(isRight(littleEndian(2n), message, identity, littleEndian(0n)), false)
  })

  it('costs less than a million', () => {
    const { key, message, r, s } = signed(new Uint8Array(124))
    const [, gasUsed] = harness.must('verify', key, message, r, s) as [boolean, bigint]
    assert.ok(gasUsed < 1_000_000n, String(gasUsed))
  })
})
