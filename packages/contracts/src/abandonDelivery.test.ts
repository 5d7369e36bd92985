/** A delivery that its user neither takes nor refuses blocks nobody for ever, and is paid for. Spec: spec/finetuning.md. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, parseEther } from 'viem'
import { type CallResult, createRig, eventsOf } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { fineTuningDomain, verifierMessageTypes } from './typedData.ts'

const waitSeconds = Number(presets.weightless.acknowledgeSeconds)
const modelRootHash: Hex = '0xabcdef'
const secret: Hex = '0x1234'
const quota = { cpuCount: 8n, nodeMemory: 32n, gpuCount: 1n, nodeStorage: 50_000n, gpuType: 'none' }
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)

/** The devnet: a user with 1 at a provider that signs for itself. */
async function withService() {
  const rig = await createRig()
  const { ledgerManager, fineTuningServing: serving } = rig.contracts
  const [, user, provider, stranger] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex, Hex]
  const registration = ['http://url', quota, 100n, false, ['m'], provider] as const
  await rig.must(serving, 'addOrUpdateService', registration, { from: provider, value: parseEther('1') })
  await rig.must(serving, 'acknowledgeTEESignerByOwner', [provider])
  await rig.must(ledgerManager, 'addLedger', ['info'], { from: user, value: parseEther('5') })
  const funding = [provider, 'fine-tuning-v1.0', parseEther('1')] as const
  await rig.must(ledgerManager, 'transferFund', funding, { from: user })
  const deliver = (id: string) => rig.send(serving, 'addDeliverable', [user, id, modelRootHash], { from: provider })
  const acknowledge = (id: string) => rig.send(serving, 'acknowledgeDeliverable', [provider, id], { from: user })
  const abandon = (id: string, from = user) => rig.send(serving, 'abandonDelivery', [provider, id], { from })
  const settle = async (id: string, nonce: bigint, encryptedSecret: Hex = '0x') => {
    const message = { id, encryptedSecret, modelRootHash, nonce, taskFee: 10n, user }
    const domain = { ...fineTuningDomain, chainId: rig.chainId, verifyingContract: serving.address }
    const typed = { domain, types: verifierMessageTypes, primaryType: 'VerifierMessage', message } as const
    const signature = await rig.accounts[2]!.signTypedData(typed)
    return rig.send(serving, 'settleFees', [{ ...message, signature }], { from: provider })
  }
  const balance = async () => (await rig.must(serving, 'getBalance', [user, provider])).value
  return { rig, serving, user, provider, stranger, deliver, acknowledge, abandon, settle, balance }
}

describe('A delivery that is not acknowledged', () => {
  it('blocks the next one and its own penalty share until its time is over, then neither', async () => {
    const { rig, deliver, settle, balance } = await withService()
    await deliver('a')
    rig.evm.advance(1, waitSeconds - 1)
    assert.equal(errorOf(await deliver('b')), 'PreviousDeliverableNotAcknowledged')
    assert.equal(errorOf(await settle('a', 1n)), 'AcknowledgementPending')
    rig.evm.advance(1, 1)
    assert.equal(errorOf(await deliver('b')), 'none')
    assert.equal(errorOf(await settle('a', 1n)), 'none')
    assert.equal(await balance(), parseEther('1') - 3n)
    assert.equal(errorOf(await settle('b', 2n)), 'AcknowledgementPending')
  })

  it('can still be acknowledged late, and is paid for in full then', async () => {
    const { rig, deliver, acknowledge, settle, balance } = await withService()
    await deliver('a')
    rig.evm.advance(1, waitSeconds)
    assert.equal(errorOf(await acknowledge('a')), 'none')
    assert.equal(errorOf(await settle('a', 1n)), 'SecretShouldNotBeEmpty')
    assert.equal(errorOf(await settle('a', 1n, secret)), 'none')
    assert.equal(await balance(), parseEther('1') - 10n)
  })

  it('never locks the queue: twenty and more pass by without a word of the user', async () => {
    const { rig, deliver, settle } = await withService()
    for (let index = 0; index < 22; index++) {
      assert.equal(errorOf(await deliver(`job ${index}`)), 'none')
      rig.evm.advance(1, waitSeconds)
      assert.equal(errorOf(await settle(`job ${index}`, BigInt(index + 1))), 'none')
    }
  })
})

describe('A delivery that its user abandons', () => {
  it('costs the penalty share at once and lets the next one come', async () => {
    const { serving, user, provider, deliver, acknowledge, abandon, settle, balance } = await withService()
    await deliver('a')
    const result = await abandon('a')
    assert.ok(result.ok)
    const [event] = eventsOf(serving, result.logs)
    assert.equal(event?.eventName, 'DeliverableAbandoned')
    assert.deepEqual(Object.values(event!.args).slice(0, 3), [user, provider, 'a'])
    assert.equal(errorOf(await acknowledge('a')), 'DeliverableAbandonedByUser')
    assert.equal(errorOf(await deliver('b')), 'none')
    assert.equal(errorOf(await settle('a', 1n, secret)), 'SecretShouldBeEmpty')
    assert.equal(errorOf(await settle('a', 1n)), 'none')
    assert.equal(await balance(), parseEther('1') - 3n)
    assert.equal(errorOf(await abandon('a')), 'CannotAbandonSettledDeliverable')
  })

  it('is hers, there, and neither acknowledged nor settled', async () => {
    const { stranger, deliver, acknowledge, abandon, settle } = await withService()
    await deliver('a')
    assert.equal(errorOf(await abandon('a', stranger)), 'AccountNotExists')
    assert.equal(errorOf(await abandon('z')), 'DeliverableNotExists')
    await acknowledge('a')
    assert.equal(errorOf(await abandon('a')), 'CannotAbandonAcknowledgedDeliverable')
    await settle('a', 1n, secret)
    assert.equal(errorOf(await abandon('a')), 'CannotAbandonSettledDeliverable')
  })

  it('does not make a later one of the same name abandoned', async () => {
    const { rig, user, deliver, acknowledge, abandon, settle } = await withService()
    await deliver('a')
    await abandon('a')
    await settle('a', 1n)
    for (let index = 0; index < 20; index++) {
      assert.equal(errorOf(await deliver(`job ${index}`)), 'none')
      await acknowledge(`job ${index}`)
      assert.equal(errorOf(await settle(`job ${index}`, BigInt(index + 2), secret)), 'none')
    }
    rig.evm.advance(1, 1)
    assert.equal(errorOf(await deliver('a')), 'none', `${user}`)
    assert.equal(errorOf(await acknowledge('a')), 'none')
  })
})
