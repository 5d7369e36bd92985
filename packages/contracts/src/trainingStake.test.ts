/** Stakes of fine-tuning answer for receipt, quote, bill and delivery of a training. Spec: spec/settlement.md 9.13. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import {
  concat,
  encodeAbiParameters,
  encodePacked,
  type Hex,
  hashTypedData,
  keccak256,
  parseAbiParameters,
  parseEther,
  sha256,
  toHex,
} from 'viem'
import type { LocalAccount } from 'viem/accounts'
import { type CallResult, createRig, eventsOf } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { authorizationOf, price, receiptOf, word } from '../scripts/settlementRig.ts'
import {
  acceptanceTypes,
  authorizationTypes,
  deliveryTypes,
  receiptDomain,
  receiptTypes,
  trainingRootTypes,
} from './typedData.ts'

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

  it('takes it for two roots of one place, another end of the run, and a head that its receipt contradicts', async () => {
    const { rig, trainingStake, receipt, signReceipt, active, reporter, trainer, userAccount, domain } =
      await withTrainer()
    const [program, seed, top] = [word('21'), word('22'), word('23')]
    const tag = keccak256(toHex('weightless/receipt/v1/training-program'))
    const programId = keccak256(encodeAbiParameters(parseAbiParameters('bytes32, bytes32, uint16'), [tag, program, 2]))
    const headText = (facts: object = {}) => {
      const all = { version: 2, program, step: 1, rowsSeen: 3, dataDigest: word('24'), values: 1024, seed }
      return JSON.stringify({ ...all, settings: { alpha: 16 }, ...facts })
    }
    const stateOf = (head: string) => sha256(concat([toHex('weightless/train-state/1'), sha256(toHex(head)), top]))
    const leaf = (root: Hex) => sha256(concat(['0x00', root]))
    const node = (a: Hex, b: Hex) => sha256(concat(['0x01', a, b]))
    const from = { from: reporter }
    /** A run of two steps whose middle state has this head. */
    const runOf = (head: string) => {
      const states = [word('31'), stateOf(head), word('32')] as const
      const [a, b, c] = states.map(leaf) as [Hex, Hex, Hex]
      return { states, root: node(node(a, b), c), middle: [a, c], last: [node(a, b)] }
    }
    let nonce = 20n
    const about = async (traceRoot: Hex) => {
      const of = { ...receipt, programId, seed, traceRoot, jobNonce: nonce++ }
      const digest = hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: of })
      const sign = async (place: number, leaves: number, root: Hex, by: LocalAccount = trainer) => {
        const message = { receipt: digest, place, leaves, root }
        const typed = { domain, types: trainingRootTypes, primaryType: 'TrainingRoot', message } as const
        return { place, leaves, root, signature: await by.signTypedData(typed) }
      }
      return { of, signature: await signReceipt(of), sign }
    }
    const gas: bigint[] = []
    const send = async (name: 'reportTwoRoots' | 'reportOtherEnd' | 'reportOtherHead', args: readonly unknown[]) => {
      const result = await rig.send(trainingStake, name, args as never, from)
      if (result.ok) gas.push(result.gasUsed)
      return errorOf(result)
    }

    const two = await about(word('32'))
    const [one, other] = [await two.sign(3, 9, word('41')), await two.sign(3, 9, word('42'))]
    assert.equal(await send('reportTwoRoots', [two.of, two.signature, one, one]), 'SameRoot')
    assert.equal(
      await send('reportTwoRoots', [two.of, two.signature, one, await two.sign(4, 9, word('42'))]),
      'SameRoot',
    )
    const foreign = await two.sign(3, 9, word('42'), userAccount)
    assert.equal(await send('reportTwoRoots', [two.of, two.signature, one, foreign]), 'RootNotSignedByProvider')
    assert.equal(
      await send('reportTwoRoots', [two.of, two.signature, one, { ...other, leaves: 8 }]),
      'RootNotSignedByProvider',
    )
    assert.equal(await active(), staked)
    assert.equal(await send('reportTwoRoots', [two.of, two.signature, one, other]), 'none')
    assert.equal(await active(), staked / 2n)

    const honest = runOf(headText())
    const endOf = async (traceRoot: Hex, last = honest.last, steps = 2) => {
      const { of, signature, sign } = await about(traceRoot)
      const run = await sign(0, 3, honest.root)
      return send('reportOtherEnd', [of, signature, run, { steps, root: honest.states[steps]!, path: last }])
    }
    assert.equal(await endOf(word('32')), 'EndIsRight')
    assert.equal(await endOf(word('33'), honest.middle, 1), 'NotOfRun')
    assert.equal(await endOf(word('33'), [word('01')]), 'NotOfRun')
    assert.equal(await active(), staked / 2n)
    assert.equal(await endOf(word('33')), 'none')

    const headIs = async (head: string, shown = head, place = 0) => {
      const { of, signature, sign } = await about(word('32'))
      const { states, root, middle } = runOf(head)
      const state = { steps: 1, root: states[1], path: middle }
      return send('reportOtherHead', [of, signature, await sign(place, 3, root), state, toHex(shown), top])
    }
    assert.equal(await headIs(headText()), 'HeadIsRight')
    assert.equal(await headIs(headText({ rowsSeen: 123_456_789, values: 4096, settings: { alpha: 1 } })), 'HeadIsRight')
    const wholeText = (facts: object = {}) => {
      const place = { data: word('24'), rowTokens: 32, rowCount: 40, step: 1, rowsSeen: 3, orderStream: 0 }
      return JSON.stringify({ version: 1, program, ...place, values: 2048, seed, settings: { batchRows: 8 }, ...facts })
    }
    assert.equal(await headIs(wholeText()), 'HeadIsRight')
    assert.equal(await headIs(wholeText({ rowCount: 70_001, orderStream: 12, values: 1 << 20 })), 'HeadIsRight')
    assert.equal(await headIs(headText({ step: 2 }), headText()), 'NotOfRun')
    assert.equal(await headIs(headText({ step: 2 }), headText({ step: 2 }), 1), 'NotOfRun')
    const before = await active()
    for (const wrong of [{ step: 2 }, { step: 11 }, { seed: word('99') }, { program: word('98') }, { version: 1 }]) {
      assert.equal(await headIs(headText(wrong)), 'none', JSON.stringify(wrong))
    }
    for (const wrong of [{ step: 2 }, { step: 11 }, { seed: word('99') }, { program: word('98') }, { version: 2 }]) {
      assert.equal(await headIs(wholeText(wrong)), 'none', JSON.stringify(wrong))
    }
    for (const name of ['data', 'rowTokens', 'rowCount', 'rowsSeen', 'orderStream', 'values']) {
      assert.equal(await headIs(wholeText().replace(`"${name}"`, '"feed"')), 'none', name)
    }
    for (const text of ['', '{}', headText().slice(0, -20).slice(0, 120), headText().replace('"seed"', '"feed"')]) {
      assert.equal(await headIs(text), 'none', text)
    }
    assert.ok((await active()) < before)
    assert.ok(
      gas.every((used) => used < 300_000n),
      gas.join(),
    )
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
