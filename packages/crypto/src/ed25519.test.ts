import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { ed25519PublicKey, ed25519Sign, ed25519Verify } from './ed25519.ts'

// RFC 8032, section 7.1, tests 1 to 3.
const vectors = [
  {
    secret: '0x9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60',
    public: '0xd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
    message: '0x',
    signature:
      '0xe5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  },
  {
    secret: '0x4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb',
    public: '0x3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c',
    message: '0x72',
    signature:
      '0x92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00',
  },
] as const

describe('ed25519', () => {
  for (const [i, vector] of vectors.entries()) {
    test(`RFC 8032 test ${i + 1}`, () => {
      const secret = hexToBytes(vector.secret)
      const message = hexToBytes(vector.message)
      assert.equal(bytesToHex(ed25519PublicKey(secret)), vector.public)
      const signature = ed25519Sign(message, secret)
      assert.equal(bytesToHex(signature), vector.signature)
      assert.equal(ed25519Verify(signature, message, hexToBytes(vector.public)), true)
      signature[7]! ^= 1
      assert.equal(ed25519Verify(signature, message, hexToBytes(vector.public)), false)
    })
  }

  test('malformed keys and signatures are refused, not thrown', () => {
    assert.equal(ed25519Verify(new Uint8Array(63), new Uint8Array(), new Uint8Array(32)), false)
    assert.equal(ed25519Verify(new Uint8Array(64), new Uint8Array(), new Uint8Array(31)), false)
    assert.equal(ed25519Verify(new Uint8Array(64).fill(255), new Uint8Array(), new Uint8Array(32).fill(255)), false)
  })
})
