/** A price that was hashed before is known again, and no other is taken for it. RECEIPT §4.7 */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, type Hex, hexToBytes, textToBytes } from '@weightless/codec'
import { keccak256 } from '@weightless/crypto'
import { encodeAbiParameters, parseAbiParameters } from 'viem'
import { priceId } from './commitments.ts'

const provider: Hex = `0x${'11'.repeat(20)}`
const price = { model: 'm', inputWeiPerToken: 1n, outputWeiPerToken: 2n, updatedAt: 3n }
const types = parseAbiParameters('address, bytes32, uint256, uint256, uint256')

test('every field has its part in it, asked for once and again', () => {
  const cases: [Hex, typeof price][] = [
    [provider, price],
    [`0x${'12'.repeat(20)}`, price],
    [provider, { ...price, model: '3 m' }],
    [provider, { ...price, inputWeiPerToken: 12n }],
    [provider, { ...price, outputWeiPerToken: 1n << 200n }],
    [provider, { ...price, updatedAt: 4n }],
    [provider, { ...price, model: 'm'.repeat(1_000) }],
  ]
  for (const [by, each] of [...cases, ...cases]) {
    const model = bytesToHex(keccak256(textToBytes(each.model)))
    const { inputWeiPerToken, outputWeiPerToken, updatedAt } = each
    const encoded = encodeAbiParameters(types, [by, model, inputWeiPerToken, outputWeiPerToken, updatedAt])
    const bytes = hexToBytes(encoded)
    assert.equal(priceId(by, each), bytesToHex(keccak256(bytes)))
  }
})
