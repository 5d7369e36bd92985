import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseEther, zeroAddress } from 'viem'
import { createRig, type Rig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { inferenceServingUpstreamBytecode } from './bytecode/inferenceServingUpstream.generated.ts'

const service = 'inference-v1.0'
const day = 86_400

/** Upstream limits; the user has 10 in the ledger. */
async function withLedger() {
  const rig = await createRig(presets.upstream)
  const { ledgerManager, inferenceServing } = rig.contracts
  const [, user, provider] = rig.accounts.map(({ address }) => address)
  await rig.must(ledgerManager, 'addLedger', ['info'], { from: user!, value: parseEther('10') })
  const asUser = { from: user! }
  const ledger = async () => (await rig.must(ledgerManager, 'getLedger', [user!])).value
  const account = async () => (await rig.must(inferenceServing, 'getAccount', [user!, provider!])).value
  const transfer = (amount: string) =>
    rig.send(ledgerManager, 'transferFund', [provider!, service, parseEther(amount)], asUser)
  const retrieve = () => rig.must(ledgerManager, 'retrieveFund', [[provider!], service], asUser)
  return {
    rig,
    ledgerManager,
    inferenceServing,
    user: user!,
    provider: provider!,
    asUser,
    ledger,
    account,
    transfer,
    retrieve,
  }
}

const errorOf = (result: Awaited<ReturnType<Rig['send']>>) => (result.ok ? 'none' : result.error)

describe('LedgerManager deposits', () => {
  it('keeps the upstream minima, and the kinder ones on the devnet', async () => {
    const { rig, ledgerManager } = await withLedger()
    assert.equal((await rig.must(ledgerManager, 'MIN_ACCOUNT_BALANCE', [])).value, parseEther('3'))
    assert.equal((await rig.must(ledgerManager, 'MIN_TRANSFER_AMOUNT', [])).value, parseEther('1'))
    const from = rig.accounts[5]!.address
    const little = await rig.send(ledgerManager, 'addLedger', [''], { from, value: parseEther('2.9') })
    assert.equal(errorOf(little), 'MinimumDepositRequired')
    const devnet = await createRig()
    await devnet.must(devnet.contracts.ledgerManager, 'addLedger', [''], { from, value: parseEther('0.001') })
  })

  it('opens one ledger per user, also by a plain deposit and for another', async () => {
    const { rig, ledgerManager, asUser, ledger } = await withLedger()
    const again = await rig.send(ledgerManager, 'addLedger', [''], { ...asUser, value: parseEther('3') })
    assert.equal(errorOf(again), 'LedgerExists')
    await rig.must(ledgerManager, 'depositFund', [], { ...asUser, value: parseEther('0.001') })
    assert.equal((await ledger()).totalBalance, parseEther('10.001'))
    const [friend, payer] = [rig.accounts[6]!.address, rig.accounts[7]!.address]
    await rig.must(ledgerManager, 'depositFundFor', [friend], { from: payer, value: parseEther('5') })
    const opened = (await rig.must(ledgerManager, 'getLedger', [friend])).value
    assert.deepEqual([opened.user, opened.availableBalance], [friend, parseEther('5')])
    const [ledgers, total] = (await rig.must(ledgerManager, 'getAllLedgers', [0n, 0n])).value
    assert.deepEqual([ledgers.length, total], [2, 2n])
    const long = await rig.send(ledgerManager, 'updateAdditionalInfo', ['x'.repeat(4097)], asUser)
    assert.equal(errorOf(long), 'AdditionalInfoTooLong')
  })

  it('takes no money that comes without a call', async () => {
    const { rig, ledgerManager, inferenceServing, user } = await withLedger()
    for (const { address } of [ledgerManager, inferenceServing]) {
      const sent = await rig.evm.send({ from: user, to: address, value: 1n })
      assert.equal(sent.ok, false)
    }
  })
})

describe('LedgerManager transfers', () => {
  it('moves money to a sub-account and back after the lock', async () => {
    const { rig, ledger, account, transfer, retrieve } = await withLedger()
    assert.equal(errorOf(await transfer('0.9')), 'MinimumDepositRequired')
    assert.equal((await transfer('2')).ok, true)
    assert.equal((await transfer('0.5')).ok, true)
    assert.equal((await account()).balance, parseEther('2.5'))
    assert.equal((await account()).acknowledged, true)
    assert.deepEqual(
      [(await ledger()).availableBalance, (await ledger()).totalBalance],
      [parseEther('7.5'), parseEther('10')],
    )
    await retrieve()
    assert.equal((await account()).pendingRefund, parseEther('2.5'))
    rig.evm.advance(1, day - 1)
    await retrieve()
    assert.equal((await account()).balance, parseEther('2.5'))
    assert.equal((await account()).validRefundsLength, 1n)
    rig.evm.advance(1, 1)
    await retrieve()
    assert.equal((await account()).balance, 0n)
    assert.deepEqual(
      [(await ledger()).availableBalance, (await ledger()).totalBalance],
      [parseEther('10'), parseEther('10')],
    )
  })

  it('takes a transfer out of pending refunds first', async () => {
    const { account, ledger, transfer, retrieve } = await withLedger()
    await transfer('2')
    await retrieve()
    assert.equal((await transfer('0.5')).ok, true)
    assert.deepEqual([(await account()).balance, (await account()).pendingRefund], [parseEther('2'), parseEther('1.5')])
    assert.equal((await transfer('2.5')).ok, true)
    assert.deepEqual([(await account()).balance, (await account()).pendingRefund], [parseEther('3'), 0n])
    assert.equal((await ledger()).availableBalance, parseEther('7'))
    await retrieve()
    assert.equal((await account()).refunds.length, 1)
  })

  it('refuses unknown services, too much, nothing, nobody, oneself', async () => {
    const { rig, ledgerManager, user, provider, asUser, transfer } = await withLedger()
    const send = (target: typeof user, name: string, amount: bigint) =>
      rig.send(ledgerManager, 'transferFund', [target, name, amount], asUser)
    assert.equal(errorOf(await send(provider, 'inference', 1n)), 'InvalidServiceType')
    assert.equal(errorOf(await transfer('10.1')), 'InsufficientAvailableBalance')
    assert.equal(errorOf(await transfer('0')), 'ZeroAmountNotAllowed')
    assert.equal(errorOf(await send(zeroAddress, service, parseEther('1'))), 'ZeroAddressNotAllowed')
    assert.equal(errorOf(await send(user, service, parseEther('1'))), 'ProviderCannotBeUser')
    const stranger = await rig.send(ledgerManager, 'transferFund', [provider, service, 1n], { from: provider })
    assert.equal(errorOf(stranger), 'LedgerNotExists')
    const many = Array.from({ length: 21 }, () => provider)
    assert.equal(errorOf(await rig.send(ledgerManager, 'retrieveFund', [many, service], asUser)), 'TooManyProviders')
    await rig.must(ledgerManager, 'retrieveFund', [[provider], service], asUser)
  })

  it('lets no stranger spend, deposit or refund on the serving side', async () => {
    const { rig, ledgerManager, inferenceServing, user, provider, transfer } = await withLedger()
    await transfer('2')
    const from = provider
    const spend = await rig.send(ledgerManager, 'spendFund', [user, 1n], { from })
    assert.equal(errorOf(spend), 'CallerNotRegisteredService')
    const spends = await rig.send(ledgerManager, 'spendFunds', [[user], [1n]], { from })
    assert.equal(errorOf(spends), 'CallerNotRegisteredService')
    for (const name of ['requestRefundAll', 'processRefund', 'deleteAccount'] as const) {
      assert.equal(errorOf(await rig.send(inferenceServing, name, [user, provider], { from })), 'CallerNotLedger')
    }
    const deposit = await rig.send(inferenceServing, 'depositFund', [user, provider, 1n], { from })
    assert.equal(errorOf(deposit), 'CallerNotLedger')
    const draw = await rig.send(inferenceServing, 'drawFees', [provider, provider, [1n]], { from })
    assert.equal(errorOf(draw), 'CallerNotReceiptSettlement')
  })
})

describe('LedgerManager refunds', () => {
  it('pays out, leaves nothing or the minimum, and forgets an empty ledger with its accounts', async () => {
    const { rig, ledgerManager, inferenceServing, user, asUser, ledger, transfer, retrieve } = await withLedger()
    const refund = (amount: string) => rig.send(ledgerManager, 'refund', [parseEther(amount)], asUser)
    await transfer('1')
    assert.equal(errorOf(await refund('9.5')), 'InsufficientAvailableBalance')
    assert.equal(errorOf(await refund('7')), 'MinimumDepositRequired')
    assert.equal(errorOf(await rig.send(ledgerManager, 'deleteLedger', [], asUser)), 'MustWithdrawAllFundsFirst')
    const before = await rig.evm.balance(user)
    assert.equal((await refund('9')).ok, true)
    assert.equal((await rig.evm.balance(user)) - before, parseEther('9'))
    assert.equal((await ledger()).totalBalance, parseEther('1'))
    await retrieve()
    rig.evm.advance(1, day)
    await retrieve()
    assert.equal((await refund('1')).ok, true)
    assert.equal(errorOf(await rig.send(ledgerManager, 'getLedger', [user])), 'LedgerNotExists')
    const [accounts] = (await rig.must(inferenceServing, 'getAllAccounts', [0n, 0n])).value
    assert.equal(accounts.length, 0)
    assert.equal(await rig.evm.balance(ledgerManager.address), 0n)
    assert.equal(await rig.evm.balance(inferenceServing.address), 0n)
  })
})

describe('Service registry', () => {
  it('names, recommends and refuses services as upstream does', async () => {
    const { rig, ledgerManager, inferenceServing, asUser } = await withLedger()
    const owner = rig.accounts[0]!.address
    const other = '0x00000000000000000000000000000000000f0f0f'
    await rig.evm.place(other, inferenceServingUpstreamBytecode, owner)
    const register = (type: string, version: string, address: typeof owner, options = {}) =>
      rig.send(ledgerManager, 'registerService', [type, version, address, 'd'], options)
    assert.equal(errorOf(await register('inference', 'v2.0', other, asUser)), 'Ownable: caller is not the owner')
    assert.equal(errorOf(await register('inference', 'v1.0', other)), 'ServiceNameExists')
    assert.equal(errorOf(await register('inference', 'v2.0', inferenceServing.address)), 'ServiceAlreadyRegistered')
    assert.equal(errorOf(await register('inference', 'v2.0', ledgerManager.address)), 'ServiceMustImplementIServing')
    assert.equal(errorOf(await register('', 'v2.0', other)), 'ServiceTypeRequired')
    assert.equal(errorOf(await register('inference', '', other)), 'VersionRequired')
    assert.equal(errorOf(await register('inference', 'v2.0', zeroAddress)), 'InvalidServiceAddress')
    assert.equal((await register('inference', 'v2.0', other)).ok, true)
    const missing = await rig.send(ledgerManager, 'setRecommendedService', ['inference', 'v9'])
    assert.equal(errorOf(missing), 'ServiceNotFound')
    await rig.must(ledgerManager, 'setRecommendedService', ['inference', 'v2.0'])
    const versions = (await rig.must(ledgerManager, 'getAllVersions', ['inference'])).value
    assert.deepEqual(
      [versions[0], versions[2]],
      [
        ['v1.0', 'v2.0'],
        [false, true],
      ],
    )
    assert.equal((await rig.must(ledgerManager, 'isRecommendedVersion', ['inference', 'v1.0'])).value, false)
    assert.equal(errorOf(await rig.send(ledgerManager, 'getRecommendedService', ['x'])), 'NoRecommendedService')
  })
})
