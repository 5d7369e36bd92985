import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, hexToBytes, textToBytes } from '@weightless/codec'
import { type NistCurve, nistPublicKey, nistSign, nistVerify } from './nistEcdsa.ts'

// RFC 6979, sections A.2.5 and A.2.6, message "sample".
const vectors: readonly { curve: NistCurve; secret: string; point: string; signature: string }[] = [
  {
    curve: 'P-256',
    secret: '0xc9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721',
    point:
      '0x0460fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb67903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299',
    signature:
      '0xefd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8',
  },
  {
    curve: 'P-384',
    secret: '0x6b9d3dad2e1b8c1c05b19875b6659f4de23c3b667bf297ba9aa47740787137d896d5724e4c70a825f872c9ea60d2edf5',
    point:
      '0x04ec3a4e415b4e19a4568618029f427fa5da9a8bc4ae92e02e06aae5286b300c64def8f0ea9055866064a254515480bc138015d9b72d7d57244ea8ef9ac0c621896708a59367f9dfb9f54ca84b3f1c9db1288b231c3ae0d4fe7344fd2533264720',
    signature:
      '0x94edbb92a5ecb8aad4736e56c691916b3f88140666ce9fa73d64c4ea95ad133c81a648152e44acf96e36dd1e80fabe4699ef4aeb15f178cea1fe40db2603138f130e740a19624526203b6351d0a3a94fa329c145786e679e7b82c71a38628ac8',
  },
]

describe('ECDSA over the NIST curves', () => {
  for (const { curve, secret, point, signature } of vectors) {
    test(`${curve} as in RFC 6979`, () => {
      const message = textToBytes('sample')
      const publicKey = nistPublicKey(curve, hexToBytes(secret))
      assert.equal(bytesToHex(publicKey), point)
      assert.equal(bytesToHex(nistSign(curve, message, hexToBytes(secret))), signature)
      assert.ok(nistVerify(curve, hexToBytes(signature), message, publicKey))
      assert.equal(nistVerify(curve, hexToBytes(signature), textToBytes('test'), publicKey), false)
    })

    test(`${curve}: malformed keys and signatures are refused, not thrown`, () => {
      const bytes = hexToBytes(signature)
      const publicKey = hexToBytes(point)
      const message = textToBytes('sample')
      assert.equal(nistVerify(curve, bytes.subarray(1), message, publicKey), false)
      assert.equal(nistVerify(curve, new Uint8Array(bytes.length), message, publicKey), false)
      assert.equal(nistVerify(curve, new Uint8Array(bytes.length).fill(0xff), message, publicKey), false)
      assert.equal(nistVerify(curve, bytes, message, publicKey.subarray(1)), false)
      assert.equal(nistVerify(curve, bytes, message, publicKey.with(0, 2)), false)
      assert.equal(nistVerify(curve, bytes, message, publicKey.with(9, publicKey[9]! ^ 1)), false)
    })
  }
})
