/** The JavaScript curve signs and recovers as viem does, and nothing comes of nonsense. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { keccak256 } from './keccakKernel.ts'
import { accountOf, recoverAccount, secp256k1PublicKey, secp256k1Recover, secp256k1Sign } from './secp256k1.ts'

/** First of the well-known test keys of Hardhat and Anvil. */
const key = hexToBytes('0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80')
const address = '0xf39fd6e51aad88f6f4ce6ab8827279cfffb92266'

test('a signature leads back to its account', () => {
  const hash = keccak256(new Uint8Array([7]))
  const { signature, recoveryId } = secp256k1Sign(hash, key)
  const full = new Uint8Array([...signature, 27 + recoveryId])
  assert.equal(bytesToHex(accountOf(secp256k1PublicKey(key)!)), address)
  assert.equal(bytesToHex(recoverAccount(hash, full)!), address)
  full[3]! ^= 1
  const other = recoverAccount(hash, full)
  assert.ok(other === undefined || bytesToHex(other) !== address)
})

test('what is no signature, hash or key has no answer', () => {
  const hash = keccak256(new Uint8Array([7]))
  const { signature } = secp256k1Sign(hash, key)
  assert.equal(secp256k1Recover(new Uint8Array(32), new Uint8Array(64), 0), undefined)
  assert.equal(secp256k1Recover(hash, new Uint8Array(64).fill(255), 1), undefined)
  assert.equal(secp256k1Recover(hash.subarray(1), signature, 0), undefined)
  assert.equal(recoverAccount(hash, new Uint8Array([...signature, 29])), undefined)
  assert.equal(secp256k1PublicKey(new Uint8Array(32)), undefined)
})
