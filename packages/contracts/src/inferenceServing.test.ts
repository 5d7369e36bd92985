import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, keccak256, parseEther, toHex, zeroAddress } from 'viem'
import { createRig, eventsOf, type Rig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { teeSettlementStatus as status } from './settlementStatus.ts'
import { teeSettlementDomain, teeSettlementTypes } from './typedData.ts'

const requestsHash = keccak256(toHex('test_requests_hash'))

const errorOf = (result: Awaited<ReturnType<Rig['send']>>) => (result.ok ? 'none' : result.error)

/** Two users with 1 and 2 at one provider, whose signer is account 9, acknowledged. */
async function withService() {
  const rig = await createRig(presets.upstream)
  const { ledgerManager, inferenceServing } = rig.contracts
  const [owner, alice, bob, provider, other] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex, Hex, Hex]
  const signer = rig.accounts[9]!
  const params = {
    serviceType: 'chatbot',
    url: 'http://127.0.0.1:8081',
    model: 'llama-8b',
    verifiability: 'OpML',
    inputPrice: 100n,
    outputPrice: 200n,
    additionalInfo: '',
    teeSignerAddress: signer.address,
  }
  const stake = { from: provider, value: parseEther('100') }
  await rig.must(inferenceServing, 'addOrUpdateService', [params], stake)
  for (const [user, amount] of [
    [alice, '1'],
    [bob, '2'],
  ] as const) {
    await rig.must(ledgerManager, 'addLedger', [''], { from: user, value: parseEther('10') })
    const args = [provider, 'inference-v1.0', parseEther(amount)] as const
    await rig.must(ledgerManager, 'transferFund', args, { from: user })
  }
  await rig.must(inferenceServing, 'acknowledgeTEESignerByOwner', [provider], { from: owner })
  const sign = async (
    user: Hex,
    totalFee: bigint,
    nonce: bigint,
    changes: { provider?: Hex; chainId?: number; at?: Hex; by?: number } = {},
  ) => {
    const message = { requestsHash, nonce, provider: changes.provider ?? provider, user, totalFee }
    const domain = {
      ...teeSettlementDomain,
      chainId: changes.chainId ?? rig.chainId,
      verifyingContract: changes.at ?? inferenceServing.address,
    }
    const by = rig.accounts[changes.by ?? 9]!
    const signature = await by.signTypedData({
      domain,
      types: teeSettlementTypes,
      primaryType: 'TEESettlement',
      message,
    })
    return { ...message, signature }
  }
  const settle = (items: Awaited<ReturnType<typeof sign>>[], from = provider) =>
    rig.must(inferenceServing, 'settleFeesWithTEE', [items], { from })
  const balance = async (user: Hex) => (await rig.must(inferenceServing, 'getAccount', [user, provider])).value.balance
  return { rig, ledgerManager, inferenceServing, owner, alice, bob, provider, other, params, sign, settle, balance }
}

describe('InferenceServing services', () => {
  it('takes a stake once and gives it back', async () => {
    const { rig, inferenceServing, provider, other, params } = await withService()
    const little = await rig.send(inferenceServing, 'addOrUpdateService', [params], { from: other, value: 1n })
    assert.equal(errorOf(little), 'InsufficientStake')
    const more = await rig.send(inferenceServing, 'addOrUpdateService', [params], { from: provider, value: 1n })
    assert.equal(errorOf(more), 'CannotAddStakeWhenUpdating')
    const before = await rig.evm.balance(provider)
    const { logs } = await rig.must(inferenceServing, 'removeService', [], { from: provider })
    assert.deepEqual(
      eventsOf(inferenceServing, logs).map(({ eventName }) => eventName),
      ['ServiceRemoved', 'ProviderStakeReturned'],
    )
    assert.equal((await rig.evm.balance(provider)) - before, parseEther('100'))
    assert.equal(errorOf(await rig.send(inferenceServing, 'getService', [provider])), 'ServiceNotExist')
    assert.equal(errorOf(await rig.send(inferenceServing, 'removeService', [], { from: provider })), 'ServiceNotExist')
  })

  it('asks for a new acknowledgement when the work changes, not when the price does', async () => {
    const { rig, inferenceServing, provider, params } = await withService()
    const acknowledged = async () =>
      (await rig.must(inferenceServing, 'getService', [provider])).value.teeSignerAcknowledged
    const update = (changes: Partial<typeof params>) =>
      rig.must(inferenceServing, 'addOrUpdateService', [{ ...params, ...changes }], { from: provider })
    await update({ url: 'http://new', inputPrice: 200n, outputPrice: 300n })
    assert.equal(await acknowledged(), true)
    for (const change of [{ model: 'b' }, { serviceType: 'c' }, { verifiability: 'd' }, { additionalInfo: '{}' }]) {
      await update(change)
      assert.equal(await acknowledged(), false, JSON.stringify(change))
      await update({})
      await rig.must(inferenceServing, 'acknowledgeTEESignerByOwner', [provider])
    }
    await update({ teeSignerAddress: provider })
    assert.equal(await acknowledged(), false)
    const nobody = { ...params, teeSignerAddress: zeroAddress }
    assert.equal(
      errorOf(await rig.send(inferenceServing, 'addOrUpdateService', [nobody], { from: provider })),
      'InvalidAddress',
    )
  })

  it('pages within its limits and keeps the owner to himself', async () => {
    const { rig, inferenceServing, provider, alice, bob } = await withService()
    const page = (await rig.must(inferenceServing, 'getAccountsByProvider', [provider, 1n, 1n])).value
    assert.deepEqual([page[0].map(({ user }) => user), page[1]], [[bob], 2n])
    const beyond = (await rig.must(inferenceServing, 'getAccountsByUser', [alice, 7n, 5n])).value
    assert.deepEqual([beyond[0].length, beyond[1]], [0, 1n])
    for (const name of ['getAllAccounts', 'getAllServices'] as const) {
      const result = await rig.send(inferenceServing, name, [0n, 51n])
      assert.deepEqual([errorOf(result), !result.ok && result.args], ['LimitTooLarge', [51n, 50n]])
    }
    const batch = (await rig.must(inferenceServing, 'getBatchAccountsByUsers', [[alice, provider]], { from: provider }))
      .value
    assert.deepEqual(
      batch.map(({ user }) => user),
      [alice, zeroAddress],
    )
    const notOwner = await rig.send(inferenceServing, 'updateLockTime', [7200n], { from: alice })
    assert.equal(errorOf(notOwner), 'Ownable: caller is not the owner')
    for (const seconds of [3599n, 604_801n]) {
      assert.equal(errorOf(await rig.send(inferenceServing, 'updateLockTime', [seconds])), 'LockTimeOutOfRange')
    }
    await rig.must(inferenceServing, 'updateLockTime', [7200n])
  })

  it('revokes tokens one by one and all at once', async () => {
    const { rig, inferenceServing, provider, alice } = await withService()
    const from = { from: alice }
    const revoked = async (id: number) =>
      (await rig.must(inferenceServing, 'isTokenRevoked', [alice, provider, id])).value
    await rig.must(inferenceServing, 'revokeTokens', [provider, [0, 254]], from)
    await rig.must(inferenceServing, 'revokeToken', [provider, 255], from)
    assert.deepEqual(
      [await revoked(0), await revoked(1), await revoked(254), await revoked(255)],
      [true, false, true, true],
    )
    await rig.must(inferenceServing, 'revokeAllTokens', [provider], from)
    const account = (await rig.must(inferenceServing, 'getAccount', [alice, provider])).value
    assert.deepEqual([account.generation, account.revokedBitmap], [1n, 0n])
  })
})

describe('InferenceServing settlement on a signer’s word', () => {
  it('pays the provider exactly what was signed', async () => {
    const { rig, inferenceServing, ledgerManager, alice, bob, provider, sign, settle, balance } = await withService()
    const before = await rig.evm.balance(provider)
    const { value, logs } = await settle([await sign(alice, 50n, 7n), await sign(bob, 70n, 8n)])
    assert.deepEqual(value, [status.success, status.success])
    assert.equal((await rig.evm.balance(provider)) - before, 120n)
    assert.deepEqual([await balance(alice), await balance(bob)], [parseEther('1') - 50n, parseEther('2') - 70n])
    assert.equal((await rig.must(ledgerManager, 'getLedger', [alice])).value.totalBalance, parseEther('10') - 50n)
    const results = eventsOf(inferenceServing, logs).filter(({ eventName }) => eventName === 'TEESettlementResult')
    assert.equal(results.length, 2)
    assert.equal((await rig.must(inferenceServing, 'getAccount', [alice, provider])).value.nonce, 7n)
  })

  it('answers each of the six statuses, and one bad item blocks no other', async () => {
    const { rig, inferenceServing, alice, bob, provider, other, sign, settle, balance } = await withService()
    await settle([await sign(bob, 1n, 5n)])
    const items = [
      await sign(alice, parseEther('1') + 9n, 1n),
      await sign(bob, 50n, 6n, { provider: other }),
      await sign(bob, 50n, 5n),
      await sign(bob, 50n, 6n, { by: 8 }),
      await sign(bob, 50n, 6n, { chainId: 1 }),
      await sign(bob, 50n, 6n, { at: other }),
      { ...(await sign(bob, 50n, 6n)), totalFee: 51n },
      { ...(await sign(bob, 50n, 6n)), signature: '0x' as Hex },
      { ...(await sign(bob, 50n, 6n)), signature: `0x${'00'.repeat(65)}` as Hex },
      await sign(other, 50n, 6n),
      await sign(bob, 50n, 6n),
    ]
    const preview = (await rig.must(inferenceServing, 'previewSettlementResults', [items], { from: provider })).value
    assert.deepEqual(preview[2], [alice])
    assert.deepEqual(preview[1], [2, 4, 5, 5, 5, 5, 5, 5, 3])
    const { value, logs } = await settle(items)
    assert.deepEqual(value, [1, 2, 4, 5, 5, 5, 5, 5, 5, 3, 0])
    assert.deepEqual([await balance(alice), await balance(bob)], [0n, parseEther('2') - 51n])
    const unsettled = eventsOf(inferenceServing, logs).flatMap((event) =>
      event.eventName === 'TEESettlementResult' ? [event.args.unsettledAmount] : [],
    )
    assert.deepEqual(unsettled, [9n, 50n, 50n, 50n, 50n, 50n, 51n, 50n, 50n, 50n, 0n])
    await rig.must(inferenceServing, 'revokeTEESignerAcknowledgement', [provider])
    assert.deepEqual((await settle([await sign(bob, 1n, 9n)])).value, [status.noTeeSigner])
  })

  it('reaches into pending refunds, youngest first', async () => {
    const { rig, ledgerManager, inferenceServing, alice, provider, sign, settle } = await withService()
    await rig.must(ledgerManager, 'retrieveFund', [[provider], 'inference-v1.0'], { from: alice })
    assert.deepEqual((await settle([await sign(alice, parseEther('0.4'), 1n)])).value, [status.success])
    const account = (await rig.must(inferenceServing, 'getAccount', [alice, provider])).value
    assert.deepEqual([account.balance, account.pendingRefund], [parseEther('0.6'), parseEther('0.6')])
    assert.equal(account.refunds[0]!.amount, parseEther('0.6'))
  })

  it('bounds its batch and keeps nonces over a deleted account', async () => {
    const { rig, ledgerManager, inferenceServing, alice, provider, sign, settle } = await withService()
    const none = await rig.send(inferenceServing, 'settleFeesWithTEE', [[]], { from: provider })
    assert.equal(errorOf(none), 'NoSettlementsProvided')
    const one = await sign(alice, parseEther('1'), 3n)
    const many = await rig.send(inferenceServing, 'settleFeesWithTEE', [Array.from({ length: 51 }, () => one)], {
      from: provider,
    })
    assert.equal(errorOf(many), 'TooManySettlements')
    await settle([one])
    await rig.must(ledgerManager, 'refund', [parseEther('9')], { from: alice })
    await rig.must(ledgerManager, 'addLedger', [''], { from: alice, value: parseEther('3') })
    const args = [provider, 'inference-v1.0', parseEther('1')] as const
    await rig.must(ledgerManager, 'transferFund', args, { from: alice })
    assert.deepEqual((await settle([one])).value, [status.invalidNonce])
  })
})
