/** Stakes of fine-tuning answer for receipt, quote, bill and delivery of a training. Spec: spec/settlement.md 9.13. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { encodePacked, type Hex, hashTypedData, parseEther } from 'viem'
import type { LocalAccount } from 'viem/accounts'
import { type CallResult, createRig, eventsOf } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { authorizationOf, price, receiptOf, word } from '../scripts/settlementRig.ts'
import { acceptanceTypes, authorizationTypes, deliveryTypes, receiptDomain, receiptTypes } from './typedData.ts'

const staked = parseEther('100')
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
const quota = { cpuCount: 8n, nodeMemory: 32n, gpuCount: 1n, nodeStorage: 50_000n, gpuType: '' }

/** A fine-tuning provider with 100 at stake, a user with money at it, and what both of them know of task 7. */
async function withTrainer() {
  const rig = await createRig()
  const { fineTuningServing: serving, trainingStake, ledgerManager } = rig.contracts
  const [, userAccount, trainer, reporterAccount] = rig.accounts
  const [user, provider, reporter] = [userAccount!.address, trainer!.address, reporterAccount!.address]
  const service = ['http://url', quota, 100n, false, ['m'], provider] as const
  await rig.must(serving, 'addOrUpdateService', service, { from: provider, value: staked })
  await rig.must(ledgerManager, 'addLedger', [''], { from: user, value: parseEther('5') })
  await rig.must(ledgerManager, 'transferFund', [provider, 'fine-tuning-v1.0', parseEther('1')], { from: user })
  const domain = { ...receiptDomain, chainId: rig.chainId, verifyingContract: serving.address }
  const receipt = { ...receiptOf(user, provider, 7n, rig.chainId), serviceClass: 3, completionTokens: 0n, fee: 30n }
  type Receipt = typeof receipt
  const signReceipt = (message: Receipt, by: LocalAccount = trainer!, at: object = {}) =>
    by.signTypedData({ domain: { ...domain, ...at }, types: receiptTypes, primaryType: 'Receipt', message })
  const signDelivery = (of: Receipt, id: string, root: Hex, by: LocalAccount = trainer!) => {
    const digest = hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: of })
    const message = { receipt: digest, id, root }
    return by.signTypedData({ domain, types: deliveryTypes, primaryType: 'Delivery', message })
  }
  const report = (name: 'reportOtherDelivery', ...args: readonly unknown[]) =>
    rig.send(trainingStake, name, args as never, { from: reporter })
  const deliver = (id: string, root: Hex) =>
    rig.must(serving, 'addDeliverable', [user, id, encodePacked(['bytes32'], [root])], { from: provider })
  const active = async () => (await rig.must(serving, 'stakeOf', [provider])).value
  const credit = async (of: Hex) => (await rig.must(trainingStake, 'credits', [of])).value
  const people = { user, provider, reporter, trainer: trainer!, userAccount: userAccount! }
  return {
    rig,
    serving,
    trainingStake,
    domain,
    receipt,
    signReceipt,
    signDelivery,
    report,
    deliver,
    active,
    credit,
    ...people,
  }
}

describe('TrainingStake', () => {
  it('takes half the stake for another file on the chain than the one that was signed for', async () => {
    const { receipt, signReceipt, signDelivery, report, deliver, active, credit, user, reporter, userAccount } =
      await withTrainer()
    const signature = await signReceipt(receipt)
    const said = { id: 'task', root: word('11') }
    const word11 = await signDelivery(receipt, 'task', word('11'))
    const other = (of = said, by = word11) => report('reportOtherDelivery', receipt, signature, of, by)
    assert.equal(errorOf(await other()), 'DeliverableNotExists')
    await deliver('task', word('12'))
    assert.equal(
      errorOf(await other(said, await signDelivery(receipt, 'task', word('11'), userAccount))),
      'NotDeliveredByProvider',
    )
    assert.equal(errorOf(await other({ ...said, root: word('13') })), 'NotDeliveredByProvider')
    const kept = await signDelivery(receipt, 'task', word('12'))
    assert.equal(errorOf(await other({ id: 'task', root: word('12') }, kept)), 'DeliveryKept')
    const foreign = await signDelivery({ ...receipt, jobNonce: 8n }, 'task', word('11'))
    assert.equal(errorOf(await other(said, foreign)), 'NotDeliveredByProvider')
    assert.equal(await active(), staked)
    assert.equal(errorOf(await other()), 'none')
    assert.equal(await active(), staked / 2n)
    assert.deepEqual([await credit(user), await credit(reporter)], [(staked * 20n) / 100n, staked / 20n])
    assert.equal(errorOf(await other()), 'FaultCounted')
  })

  it('takes it for two files of one receipt, and not for one twice', async () => {
    const { rig, trainingStake, receipt, signReceipt, signDelivery, active, reporter } = await withTrainer()
    const signature = await signReceipt(receipt)
    const said = async (id: string, root: Hex) => [{ id, root }, await signDelivery(receipt, id, root)] as const
    const both = async (one: readonly [string, Hex], other: readonly [string, Hex]) => {
      const args = [receipt, signature, ...(await said(...one)), ...(await said(...other))] as const
      return errorOf(await rig.send(trainingStake, 'reportDoubleDelivery', args, { from: reporter }))
    }
    assert.equal(await both(['task', word('11')], ['task', word('11')]), 'SameDelivery')
    assert.equal(await active(), staked)
    assert.equal(await both(['task', word('11')], ['task', word('12')]), 'none')
    assert.equal(await active(), staked / 2n)
  })

  it('knows contradicting receipts, false bills and broken quotes, in the domain of the serving contract alone', async () => {
    const { rig, trainingStake, receipt, signReceipt, active, reporter, trainer, domain } = await withTrainer()
    const from = { from: reporter }
    const contradict = async (a: typeof receipt, b: typeof receipt, at = {}) => {
      const args = [a, await signReceipt(a, trainer, at), b, await signReceipt(b, trainer, at)] as const
      return errorOf(await rig.send(trainingStake, 'reportContradiction', args, from))
    }
    const elsewhere = { verifyingContract: rig.contracts.receiptSettlement.address }
    const other = { ...receipt, outputHash: word('99') }
    assert.equal(await contradict(receipt, other, elsewhere), 'NotSignedByProvider')
    const billed = async (of: typeof receipt) => {
      const args = [of, await signReceipt(of), price] as const
      return errorOf(await rig.send(trainingStake, 'reportFalseBill', args, from))
    }
    const quoted = {
      ...authorizationOf(receipt.user, receipt.provider, 7n, receipt.timestamp),
      priceId: receipt.priceId,
    }
    const broken = async (of: typeof receipt) => {
      const message = quoted
      const authorization = hashTypedData({ domain, types: authorizationTypes, primaryType: 'Authorization', message })
      const accepted = {
        domain,
        types: acceptanceTypes,
        primaryType: 'Acceptance',
        message: { authorization },
      } as const
      const args = [quoted, await trainer.signTypedData(accepted), of, await signReceipt(of)] as const
      return errorOf(await rig.send(trainingStake, 'reportBrokenAcceptance', args, from))
    }
    assert.equal(await broken(receipt), 'AcceptanceKept')
    assert.equal(await active(), staked)
    assert.equal(await broken({ ...receipt, timestamp: receipt.timestamp + 1n }), 'none')
    assert.equal(await contradict(receipt, other), 'FaultCounted')
    const [next, after] = [
      { ...receipt, jobNonce: 8n },
      { ...other, jobNonce: 8n },
    ]
    assert.equal(await contradict(next, after), 'none')
    assert.equal(await billed({ ...receipt, jobNonce: 9n, priceId: word('01') }), 'PriceMismatch')
    assert.equal(await billed({ ...receipt, jobNonce: 9n }), 'FeeIsRight')
    assert.equal(await active(), staked / 4n)
    assert.equal(await billed({ ...receipt, jobNonce: 9n, fee: 31n }), 'none')
    assert.equal(await active(), staked / 8n)
  })

  it('keeps a stake that is taken back as long as a refund and a delivery wait, and it can be slashed so long', async () => {
    const { rig, serving, trainingStake, receipt, signReceipt, provider, reporter } = await withTrainer()
    const { logs } = await rig.must(serving, 'removeService', [], { from: provider })
    assert.equal(
      eventsOf(trainingStake, logs).some(({ eventName }) => eventName === 'UnstakeBegun'),
      true,
    )
    const waitSeconds = Number((await rig.must(trainingStake, 'unstakeSeconds', [])).value)
    const { lockSeconds, acknowledgeSeconds } = presets.weightless
    assert.equal(BigInt(waitSeconds), lockSeconds + acknowledgeSeconds)
    const early = await rig.send(trainingStake, 'withdrawStake', [], { from: provider })
    assert.equal(errorOf(early), 'StillUnstaking')
    const other = { ...receipt, outputHash: word('99') }
    const args = [receipt, await signReceipt(receipt), other, await signReceipt(other)] as const
    await rig.must(trainingStake, 'reportContradiction', args, { from: reporter })
    rig.evm.advance(1, waitSeconds)
    const before = await rig.evm.balance(provider)
    await rig.must(trainingStake, 'withdrawStake', [], { from: provider })
    assert.equal((await rig.evm.balance(provider)) - before, staked / 2n)
    const stranger = await rig.send(serving, 'slashStake', [provider, 1n], { from: reporter })
    assert.equal(errorOf(stranger), 'CallerNotProviderStake')
    const upstream = await createRig(presets.upstream)
    assert.equal(
      (await upstream.must(upstream.contracts.fineTuningServing, 'providerStake', [])).value,
      `0x${'00'.repeat(20)}`,
    )
  })
})
