import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { type AbiParameter, encodeAbiParameters, parseAbiParameters } from 'viem'
import { compileAbi } from './encodeAbi.ts'

const word = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)
const address = fc.uint8Array({ minLength: 20, maxLength: 20 }).map(bytesToHex)
const text = fc.string({ unit: 'binary', maxLength: 70 })

const forms: [string, fc.Arbitrary<unknown[]>][] = [
  ['bytes32, uint64, uint64, uint32', fc.tuple(word, uint(64), uint(64), fc.nat())],
  ['bytes32, int64', fc.tuple(word, fc.bigInt({ min: -(1n << 63n), max: (1n << 63n) - 1n }))],
  ['int256, bool', fc.tuple(fc.bigInt({ min: -(1n << 255n), max: (1n << 255n) - 1n }), fc.boolean())],
  ['address, bytes4, uint256', fc.tuple(address, fc.constant('0x01020304'), uint(256))],
  ['bytes32, string, bytes32', fc.tuple(word, text, word)],
  [
    'bytes32, (string role, string content)[], string[], bytes32',
    fc.tuple(word, fc.array(fc.record({ role: text, content: text }), { maxLength: 5 }), fc.array(text), word),
  ],
  ['bytes32, uint32[], string, string', fc.tuple(word, fc.array(fc.nat(), { maxLength: 9 }), text, text)],
  [
    '(uint8 a, (address b, string c) d)',
    fc.tuple(fc.record({ a: fc.nat(255), d: fc.record({ b: address, c: text }) })),
  ],
  ['(uint8 a, address b)[], uint16[][]', fc.tuple(fc.array(fc.record({ a: fc.nat(255), b: address })), grid())],
]

describe('the ABI encoder', () => {
  for (const [types, values] of forms) {
    test(`gives the bytes of another implementation for ${types}`, () => {
      const parameters = parseAbiParameters(types) as readonly AbiParameter[]
      const encode = compileAbi(parameters)
      fc.assert(
        fc.property(values, (each) => {
          assert.equal(bytesToHex(encode(each)), encodeAbiParameters(parameters, each as never))
        }),
      )
    })
  }

  test('encodes bytes given as bytes', () => {
    const bytes = hexToBytes(`0x${'ab'.repeat(33)}`)
    const expected = encodeAbiParameters([{ type: 'bytes' }], [bytesToHex(bytes)])
    assert.equal(bytesToHex(compileAbi([{ type: 'bytes' }])([bytes])), expected)
  })

  test('refuses what does not fit, and types that it does not know', () => {
    for (const [type, value] of [
      ['uint8', 256n],
      ['int8', 128n],
      ['int8', -129n],
      ['bytes32', '0x01' as Hex],
      ['address', `0x${'zz'.repeat(20)}`],
    ] as const) {
      assert.throws(() => compileAbi([{ type }])([value]), TypeError, type)
    }
    assert.throws(() => compileAbi([{ type: 'fixed128x18' }]), TypeError)
  })
})

function uint(bits: number): fc.Arbitrary<bigint> {
  return fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n })
}

function grid(): fc.Arbitrary<number[][]> {
  return fc.array(fc.array(fc.nat(65_535), { maxLength: 3 }), { maxLength: 3 })
}
