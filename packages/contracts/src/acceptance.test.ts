/** What a provider accepted before a job holds against its receipt of it, and nothing that a user signs alone. Spec: spec/settlement.md 9.7 */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseEther } from 'viem'
import { type CallResult, eventsOf } from '../scripts/contractRig.ts'
import { type Authorization, authorizationOf, createSettlementRig, receiptOf, word } from '../scripts/settlementRig.ts'

const staked = parseEther('100')
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
/** After the receipt's time, which is `receiptOf`'s. */
const deadline = 1_767_226_600n

async function withAcceptance() {
  const stage = await createSettlementRig()
  const { rig, provider: account } = stage
  const { inferenceServing, providerStake } = rig.contracts
  const [, userAccount, reporterAccount] = rig.accounts
  const [user, reporter, provider] = [userAccount!.address, reporterAccount!.address, account.address]
  const offer = { serviceType: 'chatbot', url: 'http://127.0.0.1', model: 'm', verifiability: '', additionalInfo: '' }
  const service = { ...offer, inputPrice: 3n, outputPrice: 5n, teeSignerAddress: provider }
  await rig.must(inferenceServing, 'addOrUpdateService', [service], { from: provider, value: staked })
  const accepted = authorizationOf(user, provider, 1n, deadline)
  const receipt = receiptOf(user, provider, 1n, rig.chainId)
  /** Signed by the provider, but for what `by` says. */
  const broken = async (
    a: Authorization,
    r: typeof receipt,
    by: { acceptance?: typeof account; receipt?: typeof account } = {},
  ) => {
    const signed = await stage.signAcceptance(by.acceptance ?? account, a)
    const args = [a, signed, r, await stage.signReceipt(by.receipt ?? account, r)] as const
    return rig.send(providerStake, 'reportBrokenAcceptance', args, { from: reporter })
  }
  const double = async (a: Authorization, b: Authorization, by = account) => {
    const args = [a, await stage.signAcceptance(by, a), b, await stage.signAcceptance(by, b)] as const
    return rig.send(providerStake, 'reportDoubleAcceptance', args, { from: reporter })
  }
  const active = async () => (await rig.must(inferenceServing, 'stakeOf', [provider])).value
  const credit = async (of: typeof user) => (await rig.must(providerStake, 'credits', [of])).value
  const people = { user, userAccount: userAccount!, reporter, provider, account }
  return { stage, rig, providerStake, accepted, receipt, broken, double, active, credit, ...people }
}

describe('ProviderStake: acceptances', () => {
  const breaks = {
    'a wrong body hash': { inputHash: word('ab') },
    'another price': { priceId: word('cd') },
    'a fee above the maximum': { fee: 1_001n },
    'an answer after the deadline': { timestamp: deadline + 1n },
  }
  for (const [name, change] of Object.entries(breaks)) {
    it(`slashes ${name}`, async () => {
      const { providerStake, accepted, receipt, broken, active, credit, user, reporter } = await withAcceptance()
      const result = await broken(accepted, { ...receipt, ...change })
      assert.ok(result.ok)
      const events = eventsOf(providerStake, result.logs)
      assert.deepEqual(
        events.map(({ eventName }) => eventName),
        ['FaultShown', 'Slashed'],
      )
      assert.equal(await active(), staked / 2n)
      assert.deepEqual([await credit(user), await credit(reporter)], [staked / 5n, staked / 20n])
      assert.equal(errorOf(await broken(accepted, { ...receipt, ...change })), 'FaultCounted')
    })
  }

  it('slashes nothing that was kept, to the wei and the second', async () => {
    const { accepted, receipt, broken, active } = await withAcceptance()
    assert.equal(errorOf(await broken(accepted, receipt)), 'AcceptanceKept')
    assert.equal(errorOf(await broken(accepted, { ...receipt, fee: 1_000n, timestamp: deadline })), 'AcceptanceKept')
    assert.equal(errorOf(await broken({ ...accepted, maxFee: 2n ** 256n - 1n }, receipt)), 'AcceptanceKept')
    assert.equal(await active(), staked)
  })

  it("needs the provider's own signature under both, for this job, chain and contract", async () => {
    const {
      stage,
      rig,
      accepted,
      receipt,
      broken,
      active,
      user,
      userAccount,
      provider,
      providerStake,
      account,
      reporter,
    } = await withAcceptance()
    const wrong = { ...receipt, inputHash: word('ab') }
    assert.equal(errorOf(await broken(accepted, wrong, { acceptance: userAccount })), 'NotAcceptedByProvider')
    assert.equal(errorOf(await broken(accepted, wrong, { receipt: userAccount })), 'NotSignedByProvider')
    assert.equal(errorOf(await broken({ ...accepted, jobNonce: 2n }, wrong)), 'NotOneJob')
    assert.equal(errorOf(await broken({ ...accepted, user: provider }, wrong)), 'NotOneJob')
    assert.equal(errorOf(await broken({ ...accepted, provider: user }, wrong)), 'NotOneJob')
    assert.equal(errorOf(await broken(accepted, { ...wrong, chainId: 1n })), 'ForeignReceipt')
    for (const elsewhere of [{ chainId: 1 }, { verifyingContract: user }]) {
      const foreign = await stage.signAcceptance(account, accepted, elsewhere)
      const args = [accepted, foreign, wrong, await stage.signReceipt(account, wrong)] as const
      const result = await rig.send(providerStake, 'reportBrokenAcceptance', args, { from: reporter })
      assert.equal(errorOf(result), 'NotAcceptedByProvider')
    }
    assert.equal(await active(), staked)
  })

  it('takes no other signature of the provider for an acceptance, and no session key', async () => {
    const { stage, rig, accepted, receipt, active, provider, account, userAccount, reporter, providerStake, broken } =
      await withAcceptance()
    const wrong = { ...receipt, inputHash: word('ab') }
    const receiptSignature = await stage.signReceipt(account, wrong)
    const voucher = stage.voucher(accepted.user, 10n, 1n)
    const others = [
      await stage.signAuthorization(account, accepted),
      receiptSignature,
      await stage.signVoucher(account, voucher),
      '0x',
      `0x${'00'.repeat(65)}`,
    ] as const
    for (const signature of others) {
      const args = [accepted, signature, wrong, receiptSignature] as const
      const result = await rig.send(providerStake, 'reportBrokenAcceptance', args, { from: reporter })
      assert.equal(errorOf(result), 'NotAcceptedByProvider')
    }
    const until = rig.evm.block.timestamp + 999n
    const session = [userAccount.address, until] as const
    await rig.must(rig.contracts.receiptSettlement, 'registerSessionKey', session, { from: provider })
    assert.equal(errorOf(await broken(accepted, wrong, { acceptance: userAccount })), 'NotAcceptedByProvider')
    assert.equal(await active(), staked)
  })

  it('leaves an honest provider alone, whatever its user signs after the job', async () => {
    const { stage, rig, accepted, receipt, active, account, userAccount, reporter, providerStake } =
      await withAcceptance()
    const acceptance = await stage.signAcceptance(account, accepted)
    const receiptSignature = await stage.signReceipt(account, receipt)
    const late = [
      { ...accepted, requestHash: word('ee') },
      { ...accepted, maxFee: 1n },
      { ...accepted, deadline: 1n },
      { ...accepted, priceId: word('ee') },
    ]
    for (const one of late) {
      for (const signature of [acceptance, await stage.signAuthorization(userAccount, one)]) {
        const args = [one, signature, receipt, receiptSignature] as const
        const result = await rig.send(providerStake, 'reportBrokenAcceptance', args, { from: reporter })
        assert.equal(errorOf(result), 'NotAcceptedByProvider')
      }
    }
    assert.equal(await active(), staked)
  })

  it('slashes two acceptances for one job, and no repetition of one', async () => {
    const { accepted, double, active, user, userAccount } = await withAcceptance()
    const other = { ...accepted, requestHash: word('ab') }
    assert.equal(errorOf(await double(accepted, accepted)), 'SameAcceptance')
    assert.equal(errorOf(await double(accepted, { ...other, jobNonce: 2n })), 'NotOneJob')
    assert.equal(errorOf(await double(accepted, { ...other, provider: user })), 'NotOneJob')
    assert.equal(errorOf(await double(accepted, other, userAccount)), 'NotAcceptedByProvider')
    assert.equal(await active(), staked)
    assert.equal(errorOf(await double(accepted, other)), 'none')
    assert.equal(await active(), staked / 2n)
    assert.equal(errorOf(await double(accepted, { ...accepted, maxFee: 1n })), 'FaultCounted')
  })

  it('counts one job once, however its fault is shown', async () => {
    const { accepted, receipt, broken, double, active } = await withAcceptance()
    assert.equal(errorOf(await broken(accepted, { ...receipt, inputHash: word('ab') })), 'none')
    assert.equal(errorOf(await double(accepted, { ...accepted, maxFee: 1n })), 'FaultCounted')
    assert.equal(await active(), staked / 2n)
  })
})
