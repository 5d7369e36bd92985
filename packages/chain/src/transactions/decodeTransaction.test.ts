/** Envelopes written and signed by viem read back field for field; hostile bytes are refused, never thrown at us. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, concatBytes, hexToBytes } from '@weightless/codec'
import fc from 'fast-check'
import { type Hex, serializeTransaction, type TransactionSerializable, keccak256 as viemKeccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { decodeTransaction } from './decodeTransaction.ts'
import recoverBatch from './recoverBatch.ts'
import { sealImpersonated, signTransaction } from './signTransaction.ts'

const key: Hex = '0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80'
const account = privateKeyToAccount(key)
const hexOf = (length: number) => fc.uint8Array({ minLength: length, maxLength: length }).map(bytesToHex)
const shape = fc.record({
  type: fc.constantFrom('legacy', 'eip2930', 'eip1559'),
  nonce: fc.nat(1_000_000),
  to: fc.option(hexOf(20), { nil: undefined }),
  value: fc.bigInt({ min: 0n, max: (1n << 128n) - 1n }),
  gas: fc.bigInt({ min: 0n, max: 500_000_000n }),
  fee: fc.bigInt({ min: 0n, max: (1n << 90n) - 1n }),
  data: fc.uint8Array({ maxLength: 300 }).map(bytesToHex),
  keys: fc.array(hexOf(32), { maxLength: 3 }),
})

test('fields, hash and sender of what viem signs', async () => {
  await fc.assert(
    fc.asyncProperty(shape, async ({ type, fee, keys, ...rest }) => {
      const fees = type === 'eip1559' ? { maxFeePerGas: fee + 3n, maxPriorityFeePerGas: fee } : { gasPrice: fee }
      const list = type === 'legacy' ? {} : { accessList: [{ address: account.address, storageKeys: keys }] }
      const raw = await account.signTransaction({
        ...rest,
        ...fees,
        ...list,
        type,
        chainId: 31337,
      } as TransactionSerializable)
      const decoded = decodeTransaction(hexToBytes(raw))
      assert.ok(decoded.ok)
      const { transaction, signingHash } = decoded.value
      assert.equal(bytesToHex(transaction.hash), viemKeccak256(raw))
      assert.deepEqual(
        [transaction.nonce, transaction.value, transaction.gasLimit, transaction.chainId, bytesToHex(transaction.data)],
        [rest.nonce, rest.value, rest.gas, 31337, rest.data],
      )
      assert.equal(transaction.to && bytesToHex(transaction.to), rest.to)
      assert.equal(transaction.maxPriorityFeePerGas, fee)
      assert.deepEqual(
        transaction.accessList.flatMap((entry) => entry.storageKeys.map(bytesToHex)),
        type === 'legacy' ? [] : keys,
      )
      assert.equal(await senderOf(decoded.value), account.address.toLowerCase())
      assert.equal(
        bytesToHex(signingHash),
        viemKeccak256(
          serializeTransaction({ ...rest, ...fees, ...list, type, chainId: 31337 } as TransactionSerializable),
        ),
      )
    }),
    { numRuns: 60 },
  )
})

test('arbitrary and damaged bytes never throw', async () => {
  const raw = hexToBytes(
    await account.signTransaction({
      to: account.address,
      value: 1n,
      gas: 21_000n,
      maxFeePerGas: 9n,
      chainId: 1,
      nonce: 0,
      type: 'eip1559',
    }),
  )
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => typeof decodeTransaction(bytes).ok === 'boolean'))
  fc.assert(
    fc.property(fc.nat(raw.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const bent = raw.slice()
      bent[at]! ^= change
      return typeof decodeTransaction(bent).ok === 'boolean'
    }),
  )
  for (let length = 0; length < raw.length; length++) assert.equal(decodeTransaction(raw.subarray(0, length)).ok, false)
  assert.equal(decodeTransaction(concatBytes([raw, new Uint8Array(1)])).ok, false)
})

test('the malleable twin of a signature is refused', async () => {
  const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
  const plain = {
    to: account.address,
    value: 1n,
    gas: 21_000n,
    maxFeePerGas: 9n,
    chainId: 1,
    nonce: 0,
    type: 'eip1559',
  } as const
  const signed = decodeTransaction(hexToBytes(await account.signTransaction(plain)))
  assert.ok(signed.ok)
  const { r, s, yParity } = signed.value.transaction.signature
  const twin = `0x${(order - BigInt(bytesToHex(s))).toString(16)}` as Hex
  const raw = serializeTransaction(plain, { r: bytesToHex(r), s: twin, yParity: 1 - yParity })
  const decoded = decodeTransaction(hexToBytes(raw))
  assert.ok(!decoded.ok && decoded.code === 'invalid-signature')
})

test('what we sign ourselves is what viem signs; an impersonated envelope decodes', async () => {
  const to = hexToBytes(account.address)
  const unsigned = {
    chainId: 31337,
    nonce: 4,
    gasLimit: 50_000n,
    to,
    value: 9n,
    data: new Uint8Array([1, 0]),
    accessList: [],
  }
  const shared = { chainId: 31337, nonce: 4, gas: 50_000n, to: account.address, value: 9n, data: '0x0100' } as const
  const dynamic = signTransaction({ ...unsigned, fee: { maxFeePerGas: 7n, maxPriorityFeePerGas: 2n } }, hexToBytes(key))
  assert.equal(
    bytesToHex(dynamic),
    await account.signTransaction({ ...shared, maxFeePerGas: 7n, maxPriorityFeePerGas: 2n }),
  )
  const legacy = signTransaction({ ...unsigned, fee: { gasPrice: 7n } }, hexToBytes(key))
  assert.equal(bytesToHex(legacy), await account.signTransaction({ ...shared, type: 'legacy', gasPrice: 7n }))
  assert.ok(decodeTransaction(sealImpersonated({ ...unsigned, fee: { gasPrice: 7n } }, to)).ok)
})

async function senderOf({
  transaction,
  signingHash,
}: {
  transaction: { signature: { r: Uint8Array; s: Uint8Array; yParity: number } }
  signingHash: Uint8Array
}) {
  const { r, s, yParity } = transaction.signature
  const output = recoverBatch(concatBytes([signingHash, r, s, new Uint8Array([yParity])]))
  assert.equal(output[0], 1)
  return bytesToHex(output.subarray(1))
}
