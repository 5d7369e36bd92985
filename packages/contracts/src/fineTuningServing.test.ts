import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, parseEther, toHex } from 'viem'
import { type CallResult, createRig, eventsOf } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { fineTuningDomain, verifierMessageTypes } from './typedData.ts'

const secret: Hex = '0x1234567890abcdef'
const modelRootHash: Hex = '0xabcdef'
const service = 'fine-tuning-v1.0'
const quota = { cpuCount: 8n, nodeMemory: 32n, gpuCount: 1n, nodeStorage: 50_000n, gpuType: 'H200' }
type Changes = { taskFee?: bigint; encryptedSecret?: Hex; modelRootHash?: Hex; by?: number; chainId?: number }

const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)

/** A user with 1 at a provider whose signer is account 9, acknowledged. */
async function withService() {
  const rig = await createRig(presets.upstream)
  const { ledgerManager, fineTuningServing: serving } = rig.contracts
  const [, user, provider] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex]
  const register = (signer: Hex, value = 0n) =>
    rig.send(serving, 'addOrUpdateService', ['http://url', quota, 100n, false, ['m'], signer], {
      from: provider,
      value,
    })
  assert.equal(errorOf(await register(rig.accounts[9]!.address, parseEther('100'))), 'none')
  await rig.must(ledgerManager, 'addLedger', ['info'], { from: user, value: parseEther('5') })
  await rig.must(ledgerManager, 'transferFund', [provider, service, parseEther('1')], { from: user })
  await rig.must(serving, 'acknowledgeTEESignerByOwner', [provider])
  const deliver = (id: string) => rig.send(serving, 'addDeliverable', [user, id, modelRootHash], { from: provider })
  const acknowledge = (id: string) => rig.send(serving, 'acknowledgeDeliverable', [provider, id], { from: user })
  const settle = async (id: string, nonce: bigint, { by = 9, chainId = rig.chainId, ...changes }: Changes = {}) => {
    const message = { id, encryptedSecret: secret, modelRootHash, nonce, taskFee: 10n, user, ...changes }
    const domain = { ...fineTuningDomain, chainId, verifyingContract: serving.address }
    const typed = { domain, types: verifierMessageTypes, primaryType: 'VerifierMessage', message } as const
    const signature = await rig.accounts[by]!.signTypedData(typed)
    return rig.send(serving, 'settleFees', [{ ...message, signature }], { from: provider })
  }
  const account = async () => (await rig.must(serving, 'getAccount', [user, provider])).value
  return { rig, ledgerManager, serving, user, provider, register, deliver, acknowledge, settle, account }
}

describe('FineTuningServing settlement', () => {
  it('pays the full fee for an acknowledged deliverable and keeps its secret', async () => {
    const { rig, serving, ledgerManager, user, provider, deliver, acknowledge, settle, account } = await withService()
    await deliver('job-1')
    await acknowledge('job-1')
    const before = await rig.evm.balance(provider)
    const result = await settle('job-1', 1n)
    assert.ok(result.ok)
    assert.deepEqual(
      eventsOf(serving, result.logs).map(({ eventName, args }) => [eventName, Object.values(args).at(-1)]),
      [
        ['BalanceUpdated', 0n],
        ['FeesSettled', 1n],
      ],
    )
    assert.equal((await rig.evm.balance(provider)) - before, 10n)
    assert.deepEqual([(await account()).balance, (await account()).nonce], [parseEther('1') - 10n, 1n])
    assert.equal((await rig.must(ledgerManager, 'getLedger', [user])).value.totalBalance, parseEther('5') - 10n)
    const { value } = await rig.must(serving, 'getDeliverable', [user, provider, 'job-1'])
    assert.deepEqual([value.encryptedSecret, value.settled, value.acknowledged], [secret, true, true])
    assert.equal(errorOf(await settle('job-1', 1n)), 'InvalidVerifierInput')
    assert.equal(errorOf(await settle('job-1', 2n)), 'DeliverableAlreadySettled')
    assert.equal(errorOf(await acknowledge('job-1')), 'CannotAcknowledgeSettledDeliverable')
  })

  it('pays the penalty share for an unacknowledged one, and takes no secret', async () => {
    const { rig, serving, deliver, settle, account } = await withService()
    await deliver('job-1')
    assert.equal(errorOf(await settle('job-1', 1n)), 'SecretShouldBeEmpty')
    assert.equal(errorOf(await settle('job-1', 1n, { encryptedSecret: '0x' })), 'none')
    assert.equal((await account()).balance, parseEther('1') - 3n)
    const tooHigh = await rig.send(serving, 'updatePenaltyPercentage', [101n])
    assert.equal(errorOf(tooHigh), 'PenaltyPercentageTooHigh')
  })

  it('refuses what the acknowledged signer did not sign, and more than there is', async () => {
    const { rig, serving, provider, deliver, acknowledge, settle, register } = await withService()
    await deliver('job-1')
    await acknowledge('job-1')
    assert.equal(errorOf(await settle('job-1', 1n, { encryptedSecret: '0x' })), 'SecretShouldNotBeEmpty')
    for (const changes of [{ by: 8 }, { chainId: 1 }, { modelRootHash: secret }, { taskFee: parseEther('1') + 1n }]) {
      assert.equal(errorOf(await settle('job-1', 1n, changes)), 'InvalidVerifierInput')
    }
    assert.equal(errorOf(await settle('job-1', 0n)), 'InvalidVerifierInput')
    assert.equal(errorOf(await settle('job-9', 1n)), 'DeliverableNotExists')
    await register(rig.accounts[8]!.address)
    assert.equal(
      errorOf(await settle('job-1', 1n, { by: 8 })),
      'InvalidVerifierInput',
      'a new signer is not acknowledged',
    )
    await rig.must(serving, 'acknowledgeTEESignerByOwner', [provider])
    assert.equal(errorOf(await settle('job-1', 1n, { by: 8 })), 'none')
  })
})

describe('FineTuningServing deliverables', () => {
  it('come one after the other, and an abandoned one never blocks the next', async () => {
    const { rig, serving, user, provider, deliver, acknowledge } = await withService()
    const abandon = (id: string, from = provider) => rig.send(serving, 'abandonDeliverable', [user, id], { from })
    assert.equal(errorOf(await deliver('')), 'DeliverableIdInvalidLength')
    assert.equal(errorOf(await deliver('x'.repeat(257))), 'DeliverableIdInvalidLength')
    assert.equal(errorOf(await deliver('a')), 'none')
    assert.equal(errorOf(await deliver('a')), 'DeliverableAlreadyExists')
    assert.equal(errorOf(await deliver('b')), 'PreviousDeliverableNotAcknowledged')
    assert.equal(errorOf(await abandon('a', user)), 'AccountNotExists')
    assert.equal(errorOf(await abandon('a')), 'none')
    assert.equal(errorOf(await abandon('a')), 'CannotAbandonSettledDeliverable')
    assert.equal(errorOf(await deliver('b')), 'none')
    assert.equal(errorOf(await acknowledge('b')), 'none')
    assert.equal(errorOf(await acknowledge('c')), 'DeliverableNotExists')
    assert.equal(errorOf(await deliver('c')), 'none')
    const { value } = await rig.must(serving, 'getDeliverables', [user, provider])
    assert.deepEqual(
      value.map(({ id, acknowledged, settled }) => [id, acknowledged, settled]),
      [
        ['a', false, true],
        ['b', true, false],
        ['c', false, false],
      ],
    )
  })

  it('stay twenty, the oldest settled one making room', async () => {
    const { rig, serving, user, provider, deliver, acknowledge, settle, account } = await withService()
    const ids = Array.from({ length: 23 }, (_, index) => toHex(index, { size: 32 }))
    for (const id of ids.slice(0, 20)) {
      assert.equal(errorOf(await deliver(id)), 'none')
      await acknowledge(id)
    }
    assert.equal(errorOf(await deliver(ids[20]!)), 'CannotEvictUnsettledDeliverable')
    for (const index of [0, 1]) assert.equal(errorOf(await settle(ids[index]!, BigInt(index + 1))), 'none')
    for (const [step, id] of [ids[20]!, ids[21]!].entries()) {
      assert.equal(errorOf(await deliver(id)), 'none')
      await acknowledge(id)
      assert.deepEqual(
        [
          (await account()).deliverables.length,
          (await account()).deliverablesCount,
          (await account()).deliverablesHead,
        ],
        [20, 20n, BigInt(step + 1)],
      )
      const gone = await rig.send(serving, 'getDeliverable', [user, provider, ids[step]!])
      assert.equal(errorOf(gone), 'DeliverableNotExists')
      assert.equal((await rig.must(serving, 'getDeliverable', [user, provider, id])).value.id, id)
    }
    assert.deepEqual(
      (await account()).deliverables.map(({ id }) => id),
      ids.slice(2, 22),
    )
  })
})

describe('FineTuningServing accounts', () => {
  it('are funded and emptied through the ledger, and vanish with it', async () => {
    const { rig, ledgerManager, serving, user, provider, deliver, account } = await withService()
    await deliver('job-1')
    const retrieve = () => rig.must(ledgerManager, 'retrieveFund', [[provider], service], { from: user })
    await retrieve()
    assert.equal((await account()).pendingRefund, parseEther('1'))
    assert.equal((await account()).refunds.length, 1)
    rig.evm.advance(1, 86_400)
    await retrieve()
    await rig.must(ledgerManager, 'refund', [parseEther('5')], { from: user })
    const [accounts, total] = (await rig.must(serving, 'getAllAccounts', [0n, 0n])).value
    assert.deepEqual([accounts.length, total], [0, 0n])
    assert.equal(await rig.evm.balance(serving.address), parseEther('100'), 'the stake alone')
    await rig.must(ledgerManager, 'addLedger', [''], { from: user, value: parseEther('5') })
    await rig.must(ledgerManager, 'transferFund', [provider, service, parseEther('1')], { from: user })
    assert.equal((await account()).deliverables.length, 0)
  })

  it('bound their pages and belong to the ledger alone', async () => {
    const { rig, serving, user, provider } = await withService()
    const page = await rig.send(serving, 'getAllAccounts', [0n, 51n])
    assert.deepEqual([errorOf(page), !page.ok && page.args], ['LimitTooLarge', [51n]])
    const stranger = await rig.send(serving, 'requestRefundAll', [user, provider], { from: provider })
    assert.equal(errorOf(stranger), 'CallerNotLedger')
    assert.equal((await rig.evm.send({ from: user, to: serving.address, value: 1n })).ok, false)
    const before = await rig.evm.balance(provider)
    await rig.must(serving, 'removeService', [], { from: provider })
    assert.equal((await rig.evm.balance(provider)) - before, parseEther('100'))
    assert.deepEqual((await rig.must(serving, 'getAllServices', [])).value, [])
  })
})
