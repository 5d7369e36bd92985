/** What the fast account signs is what viem's account signs, to the byte. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { privateKeyToAccount } from 'viem/accounts'
import { fastAccount } from './fastAccount.ts'

const key = '0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d'

test('hashes, messages, typed data and transactions', async () => {
  const [ours, theirs] = [fastAccount(key), privateKeyToAccount(key)]
  assert.equal(ours.address, theirs.address)
  const hash = `0x${'5a'.repeat(32)}` as const
  assert.equal(await ours.sign({ hash }), await theirs.sign({ hash }))
  assert.equal(await ours.signMessage({ message: 'hello' }), await theirs.signMessage({ message: 'hello' }))
  const raw = { message: { raw: hash } }
  assert.equal(await ours.signMessage(raw), await theirs.signMessage(raw))
  const typed = {
    domain: { name: 'Test', version: '1', chainId: 1 },
    types: { Mail: [{ name: 'text', type: 'string' }] },
    primaryType: 'Mail',
    message: { text: 'hello' },
  } as const
  assert.equal(await ours.signTypedData(typed), await theirs.signTypedData(typed))
  const transaction = { chainId: 1, nonce: 3, gas: 21_000n, maxFeePerGas: 9n, to: theirs.address, value: 1n } as const
  assert.equal(await ours.signTransaction(transaction), await theirs.signTransaction(transaction))
})
