/** RLP against the Yellow Paper's examples, malformed inputs and arbitrary trees. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { bytesToHex, hexToBytes } from './hex.ts'
import { decodeRlp, encodeRlp, RlpInvalidError, type RlpItem, rlpToUint, uintToRlp, wrapRlpList } from './rlp.ts'

const ascii = (text: string) => new TextEncoder().encode(text)

test('encodes the examples of the Ethereum wiki', () => {
  const cases: [RlpItem, string][] = [
    [ascii('dog'), '0x83646f67'],
    [[ascii('cat'), ascii('dog')], '0xc88363617483646f67'],
    [new Uint8Array(0), '0x80'],
    [[], '0xc0'],
    [uintToRlp(0), '0x80'],
    [new Uint8Array([0]), '0x00'],
    [uintToRlp(15), '0x0f'],
    [uintToRlp(1024n), '0x820400'],
    [[[], [[]], [[], [[]]]], '0xc7c0c1c0c3c0c1c0'],
    [
      ascii('Lorem ipsum dolor sit amet, consectetur adipisicing elit'),
      '0xb8384c6f72656d20697073756d20646f6c6f722073697420616d65742c20636f6e7365637465747572206164697069736963696e6720656c6974',
    ],
  ]
  for (const [item, hex] of cases) {
    assert.equal(bytesToHex(encodeRlp(item)), hex)
    assert.deepEqual(decodeRlp(hexToBytes(hex)), item)
  }
})

test('refuses what is not the one canonical form', () => {
  const wrong = [
    '0x',
    '0x8100',
    '0x817f',
    '0xb800',
    '0xb83700',
    '0xb90038',
    '0x83646f',
    '0xc883636174',
    '0x0f00',
    '0xf800',
    '0xbfffffffffffffffff',
  ]
  for (const hex of wrong) assert.throws(() => decodeRlp(hexToBytes(hex)), RlpInvalidError, hex)
  assert.throws(() => rlpToUint(new Uint8Array([0, 1])), RlpInvalidError)
  assert.throws(() => rlpToUint(new Uint8Array(33).fill(1)), RlpInvalidError)
  assert.throws(() => decodeRlp(new Uint8Array(40).fill(0xc1)), RlpInvalidError)
})

test('round trips arbitrary trees and never throws anything else on arbitrary bytes', () => {
  const tree = fc.letrec<{ node: RlpItem }>((tie) => ({
    node: fc.oneof({ maxDepth: 4 }, fc.uint8Array({ maxLength: 70 }), fc.array(tie('node'), { maxLength: 6 })),
  })).node
  fc.assert(
    fc.property(tree, (item) => {
      const encoded = encodeRlp(item)
      assert.deepEqual(decodeRlp(encoded), item)
      if (!(item instanceof Uint8Array)) assert.deepEqual(wrapRlpList(item.map(encodeRlp)), encoded)
    }),
  )
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
      try {
        assert.deepEqual(encodeRlp(decodeRlp(bytes)), bytes)
      } catch (error) {
        if (!(error instanceof RlpInvalidError)) throw error
      }
    }),
  )
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }), (value) => rlpToUint(uintToRlp(value)) === value),
  )
})
