/** A refund with the provider's consent comes at once, once, for whom it was signed. Spec: spec/settlement.md 8. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, parseEther } from 'viem'
import { type CallResult, createRig } from '../scripts/contractRig.ts'
import { fineTuningDomain, refundConsentTypes, teeSettlementDomain } from './typedData.ts'

const deposited = parseEther('2')
const moved = parseEther('1')
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
const kinds = {
  inferenceServing: { service: 'inference-v1.0', domain: teeSettlementDomain },
  fineTuningServing: { service: 'fine-tuning-v1.0', domain: fineTuningDomain },
} as const
type Consent = { user: Hex; provider: Hex; nonce: bigint; amount: bigint; deadline: bigint }

/** A user with 1 at a provider and 1 left in the ledger. */
async function withAccount(kind: keyof typeof kinds) {
  const rig = await createRig()
  const { ledgerManager } = rig.contracts
  const serving = rig.contracts[kind]
  const [, userAccount, providerAccount, stranger] = rig.accounts
  const [user, provider] = [userAccount!.address, providerAccount!.address]
  const { service, domain } = kinds[kind]
  await rig.must(ledgerManager, 'addLedger', [''], { from: user, value: deposited })
  await rig.must(ledgerManager, 'transferFund', [provider, service, moved], { from: user })
  const consent = (changes: Partial<Consent> = {}): Consent => ({
    user,
    provider,
    nonce: 1n,
    amount: moved,
    deadline: rig.evm.block.timestamp + 60n,
    ...changes,
  })
  const sign = (message: Consent, { by = providerAccount!, chainId = rig.chainId, at = serving.address } = {}) => {
    const place = { ...domain, chainId, verifyingContract: at }
    return by.signTypedData({ domain: place, types: refundConsentTypes, primaryType: 'RefundConsent', message })
  }
  const use = (message: Consent, signature: Hex, from = user) =>
    rig.send(ledgerManager, 'retrieveFundNow', [service, message, signature], { from })
  const retrieve = () => rig.must(ledgerManager, 'retrieveFund', [[provider], service], { from: user })
  const account = async () => {
    const args = [user, provider] as const
    const balance = (await rig.must(serving as typeof rig.contracts.inferenceServing, 'getBalance', args)).value
    const pendingRefund = (await rig.must(serving as typeof rig.contracts.inferenceServing, 'getPendingRefund', args))
      .value
    return { balance, pendingRefund }
  }
  const available = async () => (await rig.must(ledgerManager, 'getLedger', [user])).value.availableBalance
  const topUp = () => rig.must(ledgerManager, 'transferFund', [provider, service, moved], { from: user })
  return { rig, serving, user, provider, stranger: stranger!, consent, sign, use, retrieve, account, available, topUp }
}

for (const kind of ['inferenceServing', 'fineTuningServing'] as const) {
  describe(`Refund with consent from ${kind}`, () => {
    it('brings the balance home at once', async () => {
      const { rig, serving, consent, sign, use, account, available } = await withAccount(kind)
      const message = consent()
      const result = await use(message, await sign(message))
      assert.ok(result.ok)
      assert.equal(result.value, moved)
      assert.deepEqual(await account(), { balance: 0n, pendingRefund: 0n })
      assert.equal(await available(), deposited)
      assert.equal(await rig.evm.balance(serving.address), 0n)
    })

    it('works once, and an older consent is void after a newer one', async () => {
      const { consent, sign, use, topUp, available } = await withAccount(kind)
      const [older, newer] = [consent({ nonce: 7n }), consent({ nonce: 8n })]
      assert.equal(errorOf(await use(newer, await sign(newer))), 'none')
      await topUp()
      assert.equal(errorOf(await use(newer, await sign(newer))), 'RefundConsentUsed')
      assert.equal(errorOf(await use(older, await sign(older))), 'RefundConsentUsed')
      assert.equal(await available(), moved)
    })

    it('cancels the refunds that wait as far as they are needed, and no further', async () => {
      const { rig, consent, sign, use, retrieve, account, available } = await withAccount(kind)
      await retrieve()
      assert.deepEqual(await account(), { balance: moved, pendingRefund: moved })
      const part = consent({ amount: moved / 4n })
      assert.equal(errorOf(await use(part, await sign(part))), 'none')
      assert.deepEqual(await account(), { balance: (moved * 3n) / 4n, pendingRefund: (moved * 3n) / 4n })
      rig.evm.advance(1, 3600)
      await retrieve()
      assert.deepEqual(await account(), { balance: 0n, pendingRefund: 0n })
      assert.equal(await available(), deposited)
    })

    it('gives no more than there is, and only what was consented to', async () => {
      const { consent, sign, use, account, available } = await withAccount(kind)
      const [part, much] = [consent({ amount: 5n }), consent({ nonce: 2n, amount: moved * 9n })]
      assert.equal(errorOf(await use(part, await sign(part))), 'none')
      assert.deepEqual([(await account()).balance, await available()], [moved - 5n, moved + 5n])
      assert.equal(errorOf(await use(much, await sign(much))), 'none')
      assert.deepEqual([(await account()).balance, await available()], [0n, deposited])
    })

    it('is refused to others, too late, elsewhere, changed, and without the ledger', async () => {
      const { rig, serving, stranger, consent, sign, use, account } = await withAccount(kind)
      const message = consent()
      const signature = await sign(message)
      assert.equal(errorOf(await use(message, signature, stranger.address)), 'LedgerNotExists')
      await rig.must(rig.contracts.ledgerManager, 'addLedger', [''], { from: stranger.address, value: deposited })
      assert.equal(errorOf(await use(message, signature, stranger.address)), 'CallerNotConsentUser')
      assert.equal(errorOf(await use({ ...message, amount: 1n }, signature)), 'RefundConsentInvalid')
      assert.equal(errorOf(await use({ ...message, nonce: 2n }, signature)), 'RefundConsentInvalid')
      assert.equal(errorOf(await use(message, await sign(message, { by: stranger }))), 'RefundConsentInvalid')
      assert.equal(errorOf(await use(message, await sign(message, { chainId: 1 }))), 'RefundConsentInvalid')
      const other = kind === 'inferenceServing' ? 'fineTuningServing' : 'inferenceServing'
      const at = rig.contracts[other].address
      assert.equal(errorOf(await use(message, await sign(message, { at }))), 'RefundConsentInvalid')
      const args = [message, signature] as const
      const direct = await rig.send(serving as typeof rig.contracts.inferenceServing, 'refundWithConsent', args)
      assert.equal(errorOf(direct), 'CallerNotLedger')
      rig.evm.advance(1, 61)
      assert.equal(errorOf(await use(message, signature)), 'RefundConsentExpired')
      assert.equal((await account()).balance, moved)
    })
  })
}
