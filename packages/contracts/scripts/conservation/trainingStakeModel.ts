/**
 * The stake of a fine-tuning provider through any sequence of steps: every wei staked is active, waiting, credited, burned or
 * back, whatever is shown of its receipts, quotes, bills and deliveries, and whatever a judge takes. Spec: spec/settlement.md 9.13
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Hex, hashTypedData, keccak256, parseEther, toHex, zeroAddress } from 'viem'
import { acceptanceTypes, authorizationTypes, deliveryTypes, receiptDomain, receiptTypes } from '../../src/typedData.ts'
import { presets } from '../presets.ts'
import { authorizationOf, createSettlementRig, price, receiptOf, type SettlementRig, word } from '../settlementRig.ts'
import { type Model, secondsToWait } from './model.ts'
import { type StakeBooks, slash } from './stakeBooks.ts'
import { stakeSteps, takeBack } from './stakeSteps.ts'

const stakeWei = parseEther('1')
const paidIn = parseEther('1')
const accountWei = parseEther('0.0001')
const quota = { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: 'none' }
const rightFee = 30n

type Stage = SettlementRig & { user: Hex; reporter: Hex; judge: Hex }
type World = Stage & StakeBooks & { isRegistered: boolean; delivered: Map<string, Hex>; delaySeconds: bigint }
type Step = { name: string; amount: bigint; pick: number; job: bigint }
type Receipt = ReturnType<typeof receiptOf>
type Report = 'reportContradiction' | 'reportFalseBill' | 'reportBrokenAcceptance' | 'reportOtherDelivery'

const now = ({ rig }: World) => rig.evm.block.timestamp
const rootOf = (pick: number) => word(pick % 2 ? '11' : '12')
const domainOf = ({ rig }: World) => {
  return { ...receiptDomain, chainId: rig.chainId, verifyingContract: rig.contracts.fineTuningServing.address }
}

const { withdrawStake, withdrawCredit } = stakeSteps('trainingStake')

const steps: { [name: string]: (world: World, step: Step) => Promise<void> } = {
  async register(world) {
    const { rig, provider, isRegistered } = world
    const service = ['u', quota, 1n, false, ['m'], provider.address] as const
    const options = { from: provider.address, value: stakeWei }
    const sent = await rig.send(rig.contracts.fineTuningServing, 'addOrUpdateService', service, options)
    assert.equal(sent.ok, !isRegistered)
    if (!sent.ok) return
    world.isRegistered = true
    world.active += stakeWei
    world.staked += stakeWei
  },
  async remove(world) {
    const { rig, provider } = world
    const sent = await rig.send(rig.contracts.fineTuningServing, 'removeService', [], { from: provider.address })
    assert.equal(sent.ok, world.isRegistered)
    if (!sent.ok) return
    world.isRegistered = false
    takeBack(world)
  },
  withdrawStake,
  withdrawCredit,
  async contradict(world, { job, pick }) {
    const one = trainingReceipt(world, job)
    // One report in eight shows the same receipt twice.
    const other = pick % 8 === 0 ? one : { ...one, outputHash: word('99') }
    const args = [one, await signReceipt(world, one), other, await signReceipt(world, other)]
    const ok = await report(world, 'reportContradiction', args)
    if (pick % 8 === 0) return assert.ok(!ok)
    slash(world, now(world), job, ok)
  },
  async bill(world, { job, amount }) {
    const receipt = { ...trainingReceipt(world, job), fee: amount }
    const ok = await report(world, 'reportFalseBill', [receipt, await signReceipt(world, receipt), price])
    if (amount === rightFee) return assert.ok(!ok)
    slash(world, now(world), job, ok)
  },
  async breakQuote(world, { job, amount, pick }) {
    const { provider, user } = world
    const quoted = { ...authorizationOf(user, provider.address, job, now(world)), maxFee: 200n }
    const body = pick % 2 ? {} : { inputHash: word('ab') }
    const receipt = { ...trainingReceipt(world, job), fee: amount, ...body }
    const args = [quoted, await signQuote(world, quoted), receipt, await signReceipt(world, receipt)]
    const ok = await report(world, 'reportBrokenAcceptance', args)
    if (amount <= 200n && pick % 2 === 1) return assert.ok(!ok)
    slash(world, now(world), job, ok)
  },
  async deliver(world, { job, pick }) {
    const { rig, provider, user, delivered } = world
    const id = `task ${job}`
    const args = [user, id, rootOf(pick)] as const
    const sent = await rig.send(rig.contracts.fineTuningServing, 'addDeliverable', args, { from: provider.address })
    assert.equal(sent.ok, !delivered.has(id))
    if (!sent.ok) return
    delivered.set(id, rootOf(pick))
    await rig.must(rig.contracts.fineTuningServing, 'acknowledgeDeliverable', [provider.address, id], { from: user })
  },
  /** The receipt's own deliverable has another file than was signed for, or the right one, or there is none. */
  async otherDelivery(world, { job: drawn, pick }) {
    const jobs = [...world.delivered.keys()].map((id) => BigInt(id.slice('task '.length)))
    const job = (pick % 5 === 0 ? undefined : jobs[pick % (jobs.length || 1)]) ?? drawn
    const receipt = trainingReceipt(world, job)
    const said = { id: `task ${job}`, root: rootOf(pick >> 1) }
    const args = [receipt, await signReceipt(world, receipt), said, await signDelivery(world, receipt, said)]
    const ok = await report(world, 'reportOtherDelivery', args)
    const found = world.delivered.get(said.id)
    if (found === undefined || found === said.root) return assert.ok(!ok)
    slash(world, now(world), job, ok)
  },
  async doubleDelivery(world, { job, pick }) {
    const { rig, reporter } = world
    const receipt = trainingReceipt(world, job)
    const one = { id: `task ${job}`, root: rootOf(1) }
    const other = { ...one, root: rootOf(pick) }
    const saidOne = [one, await signDelivery(world, receipt, one)] as const
    const saidOther = [other, await signDelivery(world, receipt, other)] as const
    const args = [receipt, await signReceipt(world, receipt), ...saidOne, ...saidOther] as const
    const sent = await rig.send(rig.contracts.trainingStake, 'reportDoubleDelivery', args, { from: reporter })
    if (one.root === other.root) return assert.ok(!sent.ok)
    slash(world, now(world), job, sent.ok)
  },
  /** Any amount, also more than there is; a case counts once. */
  async judge(world, { job, amount, pick }) {
    const { rig, provider, user, reporter, judge } = world
    const wei = pick % 8 === 0 ? stakeWei * amount : amount
    const args = [provider.address, wei, keccak256(toHex(`case ${job}`)), user, reporter] as const
    const sent = await rig.send(rig.contracts.trainingStake, 'slash', args, { from: judge })
    slash(world, now(world), `case ${job}`, sent.ok, wei)
  },
  async wait(world, { pick }) {
    world.rig.evm.advance(1, secondsToWait(now(world), [world.readyAt], pick * (pick % 2 ? 1 : 60)))
  },
}

/** Steps that have cost a stake, in any sequence. */
const reached = new Set<string>()

export const trainingStakeModel: Model<Stage, Step> = {
  name: 'training stake',
  plants: ['delay-one-second', 'fault-one-percent'],
  sequence: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(steps), 'wait'),
      amount: fc.oneof(fc.constant(rightFee), fc.bigInt({ min: 0n, max: 400n })),
      pick: fc.integer({ min: 0, max: 1500 }),
      job: fc.bigInt({ min: 1n, max: 12n }),
    }),
    { minLength: 20, maxLength: 45, size: 'max' },
  ),
  prepare,
  async play(stage, sequence, plant) {
    const world = beginWorld(stage, plant)
    for (const step of sequence) {
      const countedBefore = world.faults.size
      await steps[step.name]!(world, step)
      if (world.faults.size > countedBefore) reached.add(step.name)
      await checkWorld(world)
    }
  },
  checkReached() {
    const all = ['contradict', 'bill', 'breakQuote', 'otherDelivery', 'doubleDelivery', 'judge']
    assert.deepEqual([...reached].sort(), all.sort())
  },
}

async function prepare(openRig: () => Promise<SettlementRig['rig']>): Promise<Stage> {
  const stage = await createSettlementRig(openRig)
  const { rig, provider } = stage
  const { ledgerManager, trainingStake } = rig.contracts
  const [, user, reporter, judge] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex, Hex]
  await rig.must(trainingStake, 'setJudge', [judge, true])
  const service = ['u', quota, 1n, false, ['m'], provider.address] as const
  const options = { from: provider.address, value: stakeWei }
  await rig.must(rig.contracts.fineTuningServing, 'addOrUpdateService', service, options)
  await rig.must(ledgerManager, 'addLedger', [''], { from: user, value: paidIn })
  const args = [provider.address, 'fine-tuning-v1.0', accountWei] as const
  await rig.must(ledgerManager, 'transferFund', args, { from: user })
  return { ...stage, user, reporter, judge }
}

function beginWorld(stage: Stage, plant: string | undefined): World {
  const { acknowledgeSeconds, lockSeconds, faultPercent } = presets.weightless
  const more = (name: string) => (plant === name ? 1n : 0n)
  return {
    ...stage,
    ...{ isRegistered: true, active: stakeWei, staked: stakeWei, waiting: 0n, readyAt: 0n, burned: 0n },
    credits: { user: 0n, reporter: 0n },
    faults: new Set(),
    delivered: new Map(),
    delaySeconds: lockSeconds + acknowledgeSeconds + more('delay-one-second'),
    faultPercent: faultPercent! + more('fault-one-percent'),
  }
}

/** Of class 3: 10 tokens trained at 3 wei. */
function trainingReceipt({ user, provider, rig }: World, job: bigint): Receipt {
  const training = { serviceClass: 3, completionTokens: 0n, fee: rightFee }
  return { ...receiptOf(user, provider.address, job, rig.chainId), ...training }
}

function signReceipt(world: World, message: Receipt): Promise<Hex> {
  return world.provider.signTypedData({ domain: domainOf(world), types: receiptTypes, primaryType: 'Receipt', message })
}

function signQuote(world: World, message: ReturnType<typeof authorizationOf>): Promise<Hex> {
  const domain = domainOf(world)
  const authorization = hashTypedData({ domain, types: authorizationTypes, primaryType: 'Authorization', message })
  const typed = { domain, types: acceptanceTypes, primaryType: 'Acceptance', message: { authorization } } as const
  return world.provider.signTypedData(typed)
}

function signDelivery(world: World, of: Receipt, { id, root }: { id: string; root: Hex }): Promise<Hex> {
  const domain = domainOf(world)
  const receipt = hashTypedData({ domain, types: receiptTypes, primaryType: 'Receipt', message: of })
  const typed = { domain, types: deliveryTypes, primaryType: 'Delivery', message: { receipt, id, root } } as const
  return world.provider.signTypedData(typed)
}

async function report({ rig, reporter }: World, name: Report, args: readonly unknown[]): Promise<boolean> {
  return (await rig.send(rig.contracts.trainingStake, name, args as never, { from: reporter })).ok
}

async function checkWorld(world: World): Promise<void> {
  const { rig, provider, credits } = world
  const { fineTuningServing, trainingStake } = rig.contracts
  const credited = credits.user + credits.reporter
  assert.equal(world.staked, world.active + world.waiting + credited)
  assert.equal(await rig.evm.balance(fineTuningServing.address), world.active + accountWei)
  assert.equal(await rig.evm.balance(trainingStake.address), world.waiting + credited)
  assert.equal(await rig.evm.balance(zeroAddress), world.burned)
  const stake = (await rig.must(fineTuningServing, 'stakeOf', [provider.address])).value
  const [waiting] = (await rig.must(trainingStake, 'unstakes', [provider.address])).value
  assert.deepEqual([stake, waiting], [world.active, world.waiting])
}
