/** Encrypted files bit by bit as the network's clients make them, with the JavaScript cipher and with the machine's own. */
import assert from 'node:assert/strict'
import { createCipheriv } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bytesToHex, concatBytes, type Hex, hexToBytes } from '@weightless/codec'
import fc from 'fast-check'
import {
  aesCtr,
  contentNonce,
  decodeEncryptionHeader,
  EncryptionKeyInvalidError,
  encodeEncryptionHeader,
  encryptionPublicKey,
  fileTree,
  privateFileKey,
  sharedFileKey,
} from './index.ts'

const path = new URL('../../../vectors/storage/encryption.json', import.meta.url)
const vectors = JSON.parse(readFileSync(path, 'utf8')) as {
  key: Hex
  nonce: Hex
  keystreams: { offset: number; bytes: Hex }[]
  file: { sizeBytes: number; encryptedBytes: number; root: Hex }
  ecies: { [name: string]: Hex }
}
const [key, nonce] = [hexToBytes(vectors.key), hexToBytes(vectors.nonce)]

test('keystream and encrypted file are those of the network', () => {
  for (const { offset, bytes } of vectors.keystreams) {
    assert.equal(bytesToHex(aesCtr(key, nonce, offset, new Uint8Array(hexToBytes(bytes).length))), bytes)
  }
  const plain = Uint8Array.from({ length: 1000 }, (_, i) => (i * 7 + (i >> 8) * 13) & 0xff)
  const file = concatBytes([encodeEncryptionHeader(nonce), aesCtr(key, nonce, 0, plain)])
  assert.equal(file.length, vectors.file.encryptedBytes)
  assert.equal(bytesToHex(fileTree(file).root), vectors.file.root)
})

test('both ends of version 2 reach the key of the network', () => {
  const { ephemeralSecretKey, ephemeralPublicKey, recipientSecretKey, recipientPublicKey, aesKey } = vectors.ecies
  assert.equal(bytesToHex(encryptionPublicKey(hexToBytes(ephemeralSecretKey!))), ephemeralPublicKey)
  for (const [secret, open] of [
    [ephemeralSecretKey, recipientPublicKey],
    [recipientSecretKey, ephemeralPublicKey],
  ] as const) {
    assert.equal(bytesToHex(sharedFileKey(hexToBytes(secret!), hexToBytes(open!))), aesKey)
  }
  const header = encodeEncryptionHeader(nonce, hexToBytes(ephemeralPublicKey!))
  const read = decodeEncryptionHeader(header)
  assert.ok(read.ok && read.value.version === 2)
  assert.equal(bytesToHex(read.value.ephemeralPublicKey), ephemeralPublicKey)
  assert.deepEqual(read.value.nonce, nonce)
})

test('any offset gives the bytes of the whole, across the end of the counter too', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), fc.nat(3000), fc.nat(300), (start, offset, length) => {
      const whole = aesCtr(key, start, 0, new Uint8Array(3400))
      assert.deepEqual(aesCtr(key, start, offset, new Uint8Array(length)), whole.slice(offset, offset + length))
      const own = createCipheriv('aes-256-ctr', key, start).update(new Uint8Array(3400))
      assert.ok(own.equals(whole))
    }),
    { numRuns: 50 },
  )
  const last = new Uint8Array(16).fill(255)
  assert.deepEqual(aesCtr(key, last, 16, new Uint8Array(16)), aesCtr(key, new Uint8Array(16), 0, new Uint8Array(16)))
})

test('what is no header, no key, no signature is said to be none', () => {
  for (const bytes of [[], [0], [1, 2], [3, ...new Array(60).fill(0)], [2, ...new Array(60).fill(255)]]) {
    assert.equal(decodeEncryptionHeader(Uint8Array.from(bytes)).ok, false)
  }
  assert.throws(
    () => sharedFileKey(new Uint8Array(32), hexToBytes(vectors.ecies.recipientPublicKey!)),
    EncryptionKeyInvalidError,
  )
  assert.throws(() => sharedFileKey(key, new Uint8Array(33)), EncryptionKeyInvalidError)
  assert.throws(() => privateFileKey(new Uint8Array(10)), EncryptionKeyInvalidError)
})

test('nonces follow key and content, and nothing else', () => {
  const root = fileTree(new Uint8Array(10)).root
  assert.deepEqual(contentNonce(key, root, 10), contentNonce(key, root, 10))
  const others = [contentNonce(key, root, 11), contentNonce(nonce, root, 10), contentNonce(key, key, 10)]
  assert.equal(new Set([contentNonce(key, root, 10), ...others].map(bytesToHex)).size, 4)
})
