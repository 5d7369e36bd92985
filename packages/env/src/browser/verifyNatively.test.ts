/** The browser's own ECDSA says of signatures what ours says, and a page that has none asks ours. */
import assert from 'node:assert/strict'
import { afterEach, describe, test } from 'node:test'
import { textToBytes } from '@weightless/codec'
import { type NistCurve, nistPublicKey, nistSign, nistVerify } from '@weightless/crypto'
import { verifyNatively } from './verifyNatively.ts'

const message = textToBytes('sample')
const made = (['P-256', 'P-384'] as const).map((curve) => {
  const secret = new Uint8Array(curve === 'P-256' ? 32 : 48).fill(5)
  return { curve, signature: nistSign(curve, message, secret), key: nistPublicKey(curve, secret) }
})

/** Right, of another message, a key off its curve, a signature cut short, one of zeros. */
function casesOf({ curve, signature, key }: (typeof made)[number]): Parameters<typeof verifyNatively>[] {
  const of = (rs: Uint8Array, text: Uint8Array, point: Uint8Array) =>
    [curve, rs, text, point] as [NistCurve, Uint8Array, Uint8Array, Uint8Array]
  return [
    of(signature, message, key),
    of(signature, textToBytes('test'), key),
    of(signature, message, key.with(9, key[9]! ^ 1)),
    of(signature.subarray(1), message, key),
    of(new Uint8Array(signature.length), message, key),
  ]
}

describe("the browser's own ECDSA", () => {
  const { crypto } = globalThis
  const without = (value: unknown) => Object.defineProperty(globalThis, 'crypto', { value, configurable: true })
  afterEach(() => without(crypto))

  for (const each of made) {
    test(`${each.curve}: as ours, with WebCrypto and on a page without it`, async () => {
      const expected = casesOf(each).map((question) => nistVerify(...question))
      assert.deepEqual(expected, [true, false, false, false, false])
      const ask = () => Promise.all(casesOf(each).map((question) => verifyNatively(...question)))
      assert.deepEqual(await ask(), expected)
      without({})
      assert.deepEqual(await ask(), expected)
    })
  }
})
