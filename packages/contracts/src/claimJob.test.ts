import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, hashTypedData, parseEther } from 'viem'
import { type CallResult, eventsOf } from '../scripts/contractRig.ts'
import {
  type Authorization,
  authorizationOf,
  createSettlementRig,
  type Price,
  price,
  priceIdOf,
  receiptOf,
  word,
} from '../scripts/settlementRig.ts'
import { receiptDomain, receiptTypes } from './typedData.ts'

const fundedWei = parseEther('0.01')
const windowSeconds = 600
type Receipt = ReturnType<typeof receiptOf>
type Changes = { authorization?: Partial<Authorization>; receipt?: Partial<Receipt>; price?: Price; from?: Hex }

const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)

async function withJob() {
  const stage = await createSettlementRig()
  const { rig, provider, settlement } = stage
  const [, alice, bob] = rig.accounts
  const user = alice!.address
  await stage.fund(user, fundedWei)
  const deadline = rig.evm.block.timestamp + 1000n
  const claim = async (jobNonce: bigint, changes: Changes = {}) => {
    const authorization = { ...authorizationOf(user, provider.address, jobNonce, deadline), ...changes.authorization }
    const receipt = { ...receiptOf(user, provider.address, jobNonce, rig.chainId), ...changes.receipt }
    const signatures = [
      await stage.signAuthorization(alice!, authorization),
      await stage.signReceipt(provider, receipt),
    ]
    const args = [authorization, signatures[0]!, receipt, signatures[1]!, changes.price ?? price] as const
    return rig.send(settlement, 'claim', args, { from: changes.from ?? provider.address })
  }
  const opened = async (jobNonce: bigint, changes?: Changes) => {
    const result = await claim(jobNonce, changes)
    assert.equal(errorOf(result), 'none')
    return (result as { value: Hex }).value
  }
  const send = (name: 'contest' | 'payClaim', hash: Hex, from: Hex) => rig.send(settlement, name, [hash], { from })
  return { ...stage, alice: alice!, bob: bob!, user, deadline, claim, opened, send }
}

describe('claim', () => {
  it('holds the fee, and pays it when the window is over', async () => {
    const { rig, provider, settlement, user, opened, send, balance, pair } = await withJob()
    const before = await rig.evm.balance(provider.address)
    const hash = await opened(1n)
    const receipt = receiptOf(user, provider.address, 1n, rig.chainId)
    const domain = { ...receiptDomain, chainId: rig.chainId, verifyingContract: settlement.address }
    assert.equal(hash, hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: receipt }))
    assert.equal(await balance(user), fundedWei - 130n)
    assert.equal(await rig.evm.balance(settlement.address), 130n)
    assert.deepEqual(await pair(user), { paid: 130n, owed: 130n, jobNonce: 1n, openClaims: 1 })
    rig.evm.advance(1, windowSeconds - 1)
    assert.equal(errorOf(await send('payClaim', hash, provider.address)), 'ClaimNotPayable')
    rig.evm.advance(1, 1)
    assert.equal(errorOf(await send('payClaim', hash, user)), 'none')
    assert.equal((await rig.evm.balance(provider.address)) - before, 130n)
    assert.equal(errorOf(await send('payClaim', hash, provider.address)), 'ClaimNotPayable')
    assert.equal(await rig.evm.balance(settlement.address), 0n)
  })

  it('refuses whatever the user did not authorise or the provider did not earn', async () => {
    const { provider, bob, user, claim } = await withJob()
    const dearer = { ...price, inputPrice: 4n }
    const refused: [string, Changes][] = [
      ['CallerNotProvider', { from: bob.address }],
      ['ParticipantsDiffer', { authorization: { user: bob.address } }],
      ['ParticipantsDiffer', { authorization: { provider: bob.address } }],
      ['UnsupportedReceipt', { receipt: { version: 2 } }],
      ['UnsupportedReceipt', { receipt: { chainId: 1n } }],
      ['JobNonceStale', { authorization: { jobNonce: 2n } }],
      ['JobNonceStale', { authorization: { jobNonce: 0n }, receipt: { jobNonce: 0n } }],
      ['JobNonceStale', { authorization: { jobNonce: 1n << 56n }, receipt: { jobNonce: 1n << 56n } }],
      ['AuthorizationExpired', { authorization: { deadline: 1n } }],
      ['RequestMismatch', { receipt: { inputHash: word('ab') } }],
      ['PriceMismatch', { price: dearer }],
      ['PriceMismatch', { price: dearer, receipt: { priceId: priceIdOf(provider.address, dearer), fee: 140n } }],
      ['PriceMismatch', { authorization: { priceId: priceIdOf(user, price) } }],
      ['FeeMismatch', { receipt: { fee: 131n } }],
      ['FeeMismatch', { receipt: { promptTokens: 11n } }],
      ['FeeAboveMaximum', { authorization: { maxFee: 129n } }],
    ]
    for (const [error, changes] of refused) assert.equal(errorOf(await claim(1n, changes)), error)
  })
})

describe('claim signatures', () => {
  it('refuses signatures of others, of other places and of other contents', async () => {
    const stage = await withJob()
    const { rig, provider, settlement, alice, bob, user, deadline } = stage
    const authorization = authorizationOf(user, provider.address, 1n, deadline)
    const receipt = receiptOf(user, provider.address, 1n, rig.chainId)
    const send = (userSignature: Hex, providerSignature: Hex, changed = receipt) => {
      const args = [authorization, userSignature, changed, providerSignature, price] as const
      return rig.send(settlement, 'claim', args, { from: provider.address })
    }
    const byUser = await stage.signAuthorization(alice, authorization)
    const byProvider = await stage.signReceipt(provider, receipt)
    const elsewhere = { chainId: 1 }
    assert.equal(
      errorOf(await send(await stage.signAuthorization(bob, authorization), byProvider)),
      'InvalidUserSignature',
    )
    const foreign = await stage.signAuthorization(alice, authorization, elsewhere)
    assert.equal(errorOf(await send(foreign, byProvider)), 'InvalidUserSignature')
    assert.equal(errorOf(await send(byProvider, byProvider)), 'InvalidUserSignature')
    assert.equal(errorOf(await send(byUser, await stage.signReceipt(alice, receipt))), 'InvalidProviderSignature')
    assert.equal(
      errorOf(await send(byUser, await stage.signReceipt(provider, receipt, elsewhere))),
      'InvalidProviderSignature',
    )
    assert.equal(
      errorOf(await send(byUser, byProvider, { ...receipt, outputHash: word('ff') })),
      'InvalidProviderSignature',
    )
    assert.equal(errorOf(await send(byUser, byProvider)), 'none')
    assert.equal(errorOf(await send(byUser, byProvider)), 'JobNonceStale')
  })

  it('never holds more than there is', async () => {
    const { rig, provider, settlement, bob, signAuthorization, signReceipt, deadline, pair } = await withJob()
    const authorization = authorizationOf(bob.address, provider.address, 1n, deadline)
    const receipt = receiptOf(bob.address, provider.address, 1n, rig.chainId)
    const signatures = [await signAuthorization(bob, authorization), await signReceipt(provider, receipt)] as const
    const args = [authorization, signatures[0], receipt, signatures[1], price] as const
    const { logs } = await rig.must(settlement, 'claim', args, { from: provider.address })
    const [event] = eventsOf(settlement, logs)
    assert.ok(event?.eventName === 'ClaimOpened')
    assert.deepEqual([event.args.fee, event.args.held], [130n, 0n])
    assert.deepEqual(await pair(bob.address), { paid: 0n, owed: 0n, jobNonce: 1n, openClaims: 1 })
  })
})

describe('claims and vouchers of one pair', () => {
  it('charge a job once, whichever comes first', async () => {
    const stage = await withJob()
    const { alice, user, claim, opened, balance } = stage
    const settle = async (fee: bigint, jobNonce: bigint) => {
      const voucher = stage.voucher(user, fee, jobNonce)
      return (await stage.settle([[voucher, await stage.signVoucher(alice, voucher)]])).value[0]!.status
    }
    assert.equal(await settle(100n, 4n), 0)
    assert.equal(errorOf(await claim(4n)), 'JobNonceStale')
    await opened(5n)
    assert.equal(await settle(500n, 5n), 2, 'the claimed job needs a later voucher')
    assert.equal(await settle(230n, 6n), 2, 'a voucher must add something to what was claimed')
    assert.equal(await settle(250n, 6n), 0)
    assert.equal(await balance(user), fundedWei - 250n)
  })

  it('release a claim at once when a later voucher covers it, even a contested one', async () => {
    const stage = await withJob()
    const { rig, provider, alice, user, opened, send } = stage
    const before = await rig.evm.balance(provider.address)
    const [first, second] = [await opened(1n), await opened(2n)]
    assert.equal(errorOf(await send('contest', first, user)), 'none')
    const voucher = stage.voucher(user, 300n, 3n)
    await stage.settle([[voucher, await stage.signVoucher(alice, voucher)]])
    assert.equal(errorOf(await send('contest', second, user)), 'ClaimNotContestable')
    for (const hash of [first, second]) assert.equal(errorOf(await send('payClaim', hash, provider.address)), 'none')
    assert.equal((await rig.evm.balance(provider.address)) - before, 300n)
    assert.equal((await stage.pair(user)).openClaims, 0)
  })
})

describe('contest', () => {
  it('is for the user alone, within the window, and freezes the money', async () => {
    const { rig, provider, bob, user, opened, send, settlement } = await withJob()
    const [first, second] = [await opened(1n), await opened(2n)]
    assert.equal(errorOf(await send('contest', first, bob.address)), 'CallerNotUser')
    assert.equal(errorOf(await send('contest', word('99'), user)), 'CallerNotUser')
    assert.equal(errorOf(await send('contest', first, user)), 'none')
    assert.equal(errorOf(await send('contest', first, user)), 'ClaimNotContestable')
    rig.evm.advance(1, windowSeconds)
    assert.equal(errorOf(await send('contest', second, user)), 'ClaimNotContestable')
    assert.equal(errorOf(await send('payClaim', first, provider.address)), 'ClaimNotPayable')
    assert.equal(errorOf(await send('payClaim', second, provider.address)), 'none')
    assert.equal(await rig.evm.balance(settlement.address), 130n)
  })

  it('ends by the resolver’s verdict, which divides exactly what is held', async () => {
    const { rig, provider, bob, user, opened, send, settlement, pair } = await withJob()
    const hash = await opened(1n)
    const resolve = (award: bigint, from = bob.address) => rig.send(settlement, 'resolveClaim', [hash, award], { from })
    assert.equal(errorOf(await resolve(1n)), 'CallerNotResolver')
    const stranger = await rig.send(settlement, 'setResolver', [bob.address], { from: bob.address })
    assert.equal(errorOf(stranger), 'Ownable: caller is not the owner')
    await rig.must(settlement, 'setResolver', [bob.address])
    assert.equal(errorOf(await resolve(1n)), 'ClaimNotContested')
    await send('contest', hash, user)
    assert.equal(errorOf(await resolve(131n)), 'AwardTooLarge')
    const before = await rig.evm.balance(provider.address)
    assert.equal(errorOf(await resolve(30n)), 'none')
    assert.equal((await rig.evm.balance(provider.address)) - before, 30n)
    assert.deepEqual(await pair(user), { paid: 30n, owed: 30n, jobNonce: 1n, openClaims: 0 })
    const poorer = await rig.evm.balance(user)
    await rig.must(settlement, 'withdrawCredit', [], { from: user })
    assert.equal((await rig.evm.balance(user)) - poorer, 100n)
    assert.equal(await rig.evm.balance(settlement.address), 0n)
    assert.equal(errorOf(await resolve(30n)), 'ClaimNotContested')
  })
})
