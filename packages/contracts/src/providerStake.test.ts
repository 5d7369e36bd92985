/** Stakes answer for what a provider signed, until they have waited out their delay. Spec: spec/settlement.md 9. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { concat, type Hex, hashTypedData, keccak256, parseEther, slice, zeroAddress } from 'viem'
import { type CallResult, eventsOf } from '../scripts/contractRig.ts'
import { authorizationOf, createSettlementRig, price, receiptOf, word } from '../scripts/settlementRig.ts'
import { receiptBatchTypes, receiptDomain, receiptTypes } from './typedData.ts'

const staked = parseEther('100')
/** What a fault costs under the devnet's preset. */
const fault = staked / 2n
/** Lock of refunds and challenge window together. */
const delaySeconds = 4200
const errorOf = (result: CallResult<unknown>) => (result.ok ? 'none' : result.error)
const service = {
  serviceType: 'chatbot',
  url: 'http://127.0.0.1',
  model: 'm',
  verifiability: '',
  inputPrice: 3n,
  outputPrice: 5n,
  additionalInfo: '',
}

/** A provider with 100 at stake; two receipts of its for job 1 of a user; a reporter. */
async function withStake() {
  const stage = await createSettlementRig()
  const { rig, provider: account } = stage
  const { inferenceServing, providerStake } = rig.contracts
  const [, userAccount, reporterAccount, judgeAccount] = rig.accounts
  const [user, reporter, judge] = [userAccount!.address, reporterAccount!.address, judgeAccount!.address]
  const provider = account.address
  const params = { ...service, teeSignerAddress: provider }
  const register = () => rig.must(inferenceServing, 'addOrUpdateService', [params], { from: provider, value: staked })
  await register()
  const remove = () => rig.must(inferenceServing, 'removeService', [], { from: provider })
  const one = receiptOf(user, provider, 1n, rig.chainId)
  const other = { ...one, outputHash: word('99') }
  const contradict = async (a = one, b = other, from = reporter, by = account) => {
    const args = [a, await stage.signReceipt(by, a), b, await stage.signReceipt(by, b)] as const
    return rig.send(providerStake, 'reportContradiction', args, { from })
  }
  const bill = async (receipt: typeof one, at = price, by = account) => {
    const args = [receipt, await stage.signReceipt(by, receipt), at] as const
    return rig.send(providerStake, 'reportFalseBill', args, { from: reporter })
  }
  const credit = async (of: Hex) => (await rig.must(providerStake, 'credits', [of])).value
  const active = async () => (await rig.must(inferenceServing, 'stakeOf', [provider])).value
  const slashable = async () => (await rig.must(providerStake, 'slashableOf', [provider])).value
  const withdraw = () => rig.send(providerStake, 'withdrawStake', [], { from: provider })
  const people = { user, reporter, judge, provider, account, userAccount: userAccount! }
  const calls = { register, remove, contradict, bill, credit, active, slashable, withdraw }
  return { stage, rig, inferenceServing, providerStake, one, other, ...people, ...calls }
}

/** The signature of `receipt` in a batch with one other. Spec: spec/receipt.md 3.1 */
async function signInBatch(
  { rig, settlement, provider }: Awaited<ReturnType<typeof createSettlementRig>>,
  receipt: ReturnType<typeof receiptOf>,
  beside: Hex = word('77'),
): Promise<Hex> {
  const domain = { ...receiptDomain, chainId: rig.chainId, verifyingContract: settlement.address }
  const digest = hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: receipt })
  const root = keccak256(concat(digest < beside ? [digest, beside] : [beside, digest]))
  const batch = { domain, types: receiptBatchTypes, primaryType: 'ReceiptBatch', message: { root } } as const
  return concat([await provider.signTypedData(batch), beside])
}

describe('ProviderStake: what is shown by signatures', () => {
  it('takes receipts that were signed in a batch for what they are, and nothing that only looks like it', async () => {
    const { stage, rig, providerStake, one, other, reporter, active } = await withStake()
    const signature = await signInBatch(stage, one)
    const report = async (given: Hex) => {
      const args = [one, given, other, await stage.signReceipt(stage.provider, other)] as const
      return rig.send(providerStake, 'reportContradiction', args, { from: reporter })
    }
    const plain = slice(signature, 0, 65)
    const tooLong = concat([plain, ...Array.from({ length: 17 }, () => word('77'))])
    const others = [plain, slice(signature, 0, 96), concat([signature, '0x00']), concat([plain, word('78')]), tooLong]
    for (const given of others) assert.equal(errorOf(await report(given)), 'NotSignedByProvider')
    assert.equal(await active(), staked)
    assert.ok((await report(signature)).ok)
    assert.equal(await active(), staked / 2n)
  })

  it('takes half the stake for two receipts of one job: 40 % to the user, 10 % to the reporter, 50 % burned', async () => {
    const { rig, providerStake, user, reporter, contradict, credit, active, one } = await withStake()
    const burnedBefore = await rig.evm.balance(zeroAddress)
    const result = await contradict()
    assert.ok(result.ok)
    const [shown, slashed] = eventsOf(providerStake, result.logs)
    assert.deepEqual([shown?.eventName, slashed?.eventName], ['FaultShown', 'Slashed'])
    assert.equal(await active(), staked - fault)
    assert.deepEqual([await credit(user), await credit(reporter)], [(fault * 40n) / 100n, fault / 10n])
    assert.equal((await rig.evm.balance(zeroAddress)) - burnedBefore, fault / 2n)
    const before = await rig.evm.balance(user)
    await rig.must(providerStake, 'withdrawCredit', [], { from: user })
    assert.equal((await rig.evm.balance(user)) - before, (fault * 40n) / 100n)
    const again = await rig.send(providerStake, 'withdrawCredit', [], { from: user })
    assert.equal(errorOf(again), 'NothingToWithdraw')
    assert.equal(await rig.evm.balance(providerStake.address), fault / 10n)
    assert.equal(errorOf(await contradict()), 'FaultCounted')
    assert.equal(errorOf(await contradict(one, { ...one, traceRoot: word('77') })), 'FaultCounted')
    assert.equal(await active(), staked - fault)
  })

  it('refuses the same receipt twice, receipts of two jobs, and what the provider did not sign', async () => {
    const { rig, contradict, one, other, active, userAccount, user } = await withStake()
    assert.equal(errorOf(await contradict(one, one)), 'SameReceipt')
    assert.equal(errorOf(await contradict(one, { ...other, jobNonce: 2n })), 'NotOneJob')
    assert.equal(errorOf(await contradict(one, { ...other, user: rig.accounts[5]!.address })), 'NotOneJob')
    assert.equal(errorOf(await contradict(one, { ...other, provider: user })), 'NotOneJob')
    assert.equal(errorOf(await contradict(one, other, user, userAccount)), 'NotSignedByProvider')
    assert.equal(errorOf(await contradict({ ...one, chainId: 1n }, { ...other, chainId: 1n })), 'ForeignReceipt')
    assert.equal(errorOf(await contradict({ ...one, version: 2 }, { ...other, version: 2 })), 'ForeignReceipt')
    assert.equal(await active(), staked)
  })

  it('takes no session key for the provider itself', async () => {
    const { rig, contradict, one, other, provider, user, userAccount, active } = await withStake()
    const args = [user, rig.evm.block.timestamp + 999n] as const
    await rig.must(rig.contracts.receiptSettlement, 'registerSessionKey', args, { from: provider })
    assert.equal(errorOf(await contradict(one, other, user, userAccount)), 'NotSignedByProvider')
    assert.equal(await active(), staked)
  })

  it('slashes a bill that is not its own counts at its own price, and no right one', async () => {
    const { bill, one, active, credit, user, userAccount } = await withStake()
    assert.equal(errorOf(await bill(one)), 'FeeIsRight')
    const wrong = { ...one, fee: 131n }
    assert.equal(errorOf(await bill(wrong, { ...price, inputPrice: 4n })), 'PriceMismatch')
    assert.equal(errorOf(await bill(wrong, price, userAccount)), 'NotSignedByProvider')
    assert.equal(await active(), staked)
    assert.equal(errorOf(await bill(wrong)), 'none')
    assert.equal(await active(), staked - fault)
    assert.equal(await credit(user), (fault * 40n) / 100n)
    assert.equal(errorOf(await bill({ ...one, fee: 1n })), 'FaultCounted', 'one job is one fault')
  })

  it('cannot be used against an honest provider by what a user signs after the job', async () => {
    const { stage, rig, userAccount, user, provider, contradict, bill, one, active } = await withStake()
    await stage.fund(user, parseEther('0.001'))
    const late = {
      ...authorizationOf(user, provider, 1n, rig.evm.block.timestamp),
      maxFee: 1n,
      requestHash: word('ee'),
    }
    await stage.signAuthorization(userAccount, late)
    assert.equal(errorOf(await bill(one)), 'FeeIsRight')
    assert.equal(errorOf(await contradict(one, one)), 'SameReceipt')
    assert.equal(await active(), staked)
  })

  it('pays a provider nothing for its own fault', async () => {
    const { rig, providerStake, contradict, provider, user, credit } = await withStake()
    const before = await rig.evm.balance(zeroAddress)
    assert.equal(errorOf(await contradict(undefined, undefined, provider)), 'none')
    assert.equal(await credit(provider), 0n)
    assert.equal((await rig.evm.balance(zeroAddress)) - before, fault - (fault * 40n) / 100n)
    assert.equal(await rig.evm.balance(providerStake.address), await credit(user))
  })
})

describe('ProviderStake: the delay', () => {
  it('keeps a withdrawn stake for the lock of refunds and a challenge window, then gives it back', async () => {
    const { rig, providerStake, provider, remove, withdraw, slashable } = await withStake()
    const { value } = await rig.must(providerStake, 'unstakeSeconds', [])
    assert.equal(value, BigInt(delaySeconds))
    const { logs } = await remove()
    assert.deepEqual(
      eventsOf(providerStake, logs).map(({ eventName }) => eventName),
      ['UnstakeBegun'],
    )
    assert.equal(await slashable(), staked)
    rig.evm.advance(1, delaySeconds - 1)
    assert.equal(errorOf(await withdraw()), 'StillUnstaking')
    rig.evm.advance(1, 1)
    const before = await rig.evm.balance(provider)
    assert.equal(errorOf(await withdraw()), 'none')
    assert.equal((await rig.evm.balance(provider)) - before, staked)
    assert.equal(errorOf(await withdraw()), 'NothingToWithdraw')
  })

  it('lets faults be shown until its end, and not after', async () => {
    const { rig, remove, contradict, bill, one, withdraw, provider, slashable } = await withStake()
    await remove()
    rig.evm.advance(1, delaySeconds - 1)
    assert.equal(errorOf(await contradict()), 'none')
    assert.equal(await slashable(), staked - fault)
    rig.evm.advance(1, 1)
    assert.equal(errorOf(await bill({ ...one, jobNonce: 2n, fee: 1n })), 'NothingStaked')
    const before = await rig.evm.balance(provider)
    assert.equal(errorOf(await withdraw()), 'none')
    assert.equal((await rig.evm.balance(provider)) - before, staked - fault)
  })

  it('covers a stake that waits and a new one together, the waiting one first', async () => {
    const { remove, register, contradict, bill, one, active, slashable } = await withStake()
    await remove()
    await register()
    assert.equal(await slashable(), staked * 2n)
    assert.equal(errorOf(await contradict()), 'none')
    assert.deepEqual([await active(), await slashable()], [staked, staked])
    assert.equal(errorOf(await bill({ ...one, jobNonce: 2n, fee: 1n })), 'none')
    assert.deepEqual([await active(), await slashable()], [staked / 2n, staked / 2n])
  })

  it('takes stakes from the serving contract alone, and gives it away to nobody else', async () => {
    const { rig, inferenceServing, providerStake, provider, user } = await withStake()
    const options = { from: user, value: 1n }
    assert.equal(errorOf(await rig.send(providerStake, 'unstake', [provider], options)), 'CallerNotServing')
    assert.equal((await rig.evm.send({ from: user, to: providerStake.address, value: 1n })).ok, false)
    const taken = await rig.send(inferenceServing, 'slashStake', [provider, 1n], { from: user })
    assert.equal(errorOf(taken), 'CallerNotProviderStake')
    const bound = await rig.send(inferenceServing, 'setProviderStake', [user], { from: user })
    assert.equal(errorOf(bound), 'Ownable: caller is not the owner')
  })
})

describe('ProviderStake: judges', () => {
  it('slash what they decide, once a case, after the owner has named them', async () => {
    const { rig, providerStake, judge, provider, user, reporter, active, credit } = await withStake()
    const slash = (amount: bigint, reason = word('01'), harmed: Hex = user) =>
      rig.send(providerStake, 'slash', [provider, amount, reason, harmed, reporter], { from: judge })
    assert.equal(errorOf(await slash(100n)), 'CallerNotJudge')
    const refused = await rig.send(providerStake, 'setJudge', [judge, true], { from: judge })
    assert.equal(errorOf(refused), 'Ownable: caller is not the owner')
    await rig.must(providerStake, 'setJudge', [judge, true])
    assert.equal(errorOf(await slash(100n)), 'none')
    assert.equal(errorOf(await slash(100n)), 'FaultCounted')
    assert.deepEqual([await active(), await credit(user), await credit(reporter)], [staked - 100n, 40n, 10n])
    assert.equal(errorOf(await slash(staked * 9n, word('02'), zeroAddress)), 'none')
    assert.equal(await active(), 0n)
    assert.equal(await credit(zeroAddress), 0n)
    assert.equal(errorOf(await slash(1n, word('03'))), 'NothingStaked')
    await rig.must(providerStake, 'setJudge', [judge, false])
    assert.equal(errorOf(await slash(1n, word('04'))), 'CallerNotJudge')
  })
})
