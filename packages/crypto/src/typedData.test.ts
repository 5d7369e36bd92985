/** Compiled EIP-712 hashes are those of viem, for every kind of word. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import fc from 'fast-check'
import { hashTypedData } from 'viem'
import { compileTypedData } from './typedData.ts'

const fields = [
  { name: 'small', type: 'uint16' },
  { name: 'wide', type: 'uint256' },
  { name: 'who', type: 'address' },
  { name: 'root', type: 'bytes32' },
  { name: 'selector', type: 'bytes4' },
  { name: 'text', type: 'string' },
] as const
const domain = { name: 'Weightless Receipt', version: '1' }
const hex = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => bytesToHex(bytes))

test('any message hashes as viem hashes it', () => {
  const hash = compileTypedData<object>(domain, 'Thing', fields)
  fc.assert(
    fc.property(
      fc.nat(65_535),
      fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
      hex(20),
      hex(32),
      hex(4),
      fc.bigInt({ min: 1n, max: 1n << 40n }),
      hex(20),
      fc.string({ unit: 'binary' }),
      (small, wide, who, root, selector, chainId, verifyingContract, text) => {
        const message = { small, wide, who, root, selector, text }
        const place = { chainId, verifyingContract }
        const expected = hashTypedData({
          domain: { ...domain, ...place },
          types: { Thing: fields },
          primaryType: 'Thing',
          message,
        })
        assert.equal(hash(message, place), expected)
      },
    ),
  )
})

test('what does not fit is refused, and no value of an earlier message stays behind', () => {
  const hash = compileTypedData<object>(domain, 'Thing', fields)
  const place = { chainId: 1n, verifyingContract: `0x${'11'.repeat(20)}` as Hex }
  const good = {
    small: 1,
    wide: 1n,
    who: place.verifyingContract,
    root: `0x${'22'.repeat(32)}`,
    selector: '0x01020304',
    text: '',
  }
  const first = hash(good, place)
  for (const bad of [{ small: 65_536 }, { wide: -1n }, { who: '0x11' }, { root: `0x${'zz'.repeat(32)}` }]) {
    assert.throws(() => hash({ ...good, ...bad }, place), TypeError)
  }
  assert.equal(hash({ ...good, wide: 1n << 200n }, place) === first, false)
  assert.equal(hash(good, place), first)
  assert.throws(() => compileTypedData(domain, 'Thing', [{ name: 'bytes', type: 'bytes' }]), TypeError)
})
