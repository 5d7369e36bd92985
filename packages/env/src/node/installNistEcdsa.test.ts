import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nistPublicKey, nistSign, nistVerify } from '@weightless/crypto'
import './installNistEcdsa.ts'

test("the machine's ECDSA takes what JavaScript signed, high s too, and refuses what is malformed", () => {
  for (const [curve, width] of [
    ['P-256', 32],
    ['P-384', 48],
  ] as const) {
    for (let seed = 1; seed < 9; seed++) {
      const secret = new Uint8Array(width).fill(seed)
      const message = new Uint8Array(100 * seed).fill(seed)
      const signature = nistSign(curve, message, secret)
      const publicKey = nistPublicKey(curve, secret)
      assert.ok(nistVerify(curve, signature, message, publicKey))
      assert.equal(nistVerify(curve, signature.with(3, signature[3]! ^ 1), message, publicKey), false)
      assert.equal(nistVerify(curve, signature, message.with(0, 99), publicKey), false)
      assert.equal(nistVerify(curve, signature, message, publicKey.with(9, publicKey[9]! ^ 1)), false)
      assert.equal(nistVerify(curve, new Uint8Array(2 * width), message, publicKey), false)
    }
  }
})
