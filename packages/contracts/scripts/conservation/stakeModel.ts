/**
 * Stakes and fine-tuning accounts through any sequence of steps: every wei staked is active, waiting, credited, burned or
 * back; every wei paid in is in the ledger, in the account or paid out; each contract follows its model.
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Hex, parseEther, zeroAddress } from 'viem'
import { fineTuningDomain, refundConsentTypes, verifierMessageTypes } from '../../src/typedData.ts'
import { presets } from '../presets.ts'
import { authorizationOf, createSettlementRig, price, receiptOf, type SettlementRig, word } from '../settlementRig.ts'
import { type Model, secondsToWait } from './model.ts'
import { least, type StakeBooks, slash } from './stakeBooks.ts'
import { stakeSteps, takeBack } from './stakeSteps.ts'

const stakeWei = parseEther('1')
const paidIn = parseEther('1')
const accountWei = parseEther('0.0001')
const fineTuning = 'fine-tuning-v1.0'
const quota = { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: 'none' }
const offer = { serviceType: 'chatbot', url: 'u', model: 'm', verifiability: '', inputPrice: 3n, outputPrice: 5n }

type Delivery = { id: string; at: bigint; state: 'new' | 'acknowledged' | 'abandoned' | 'settled' }
type Stage = SettlementRig & { user: Hex; reporter: Hex }
type World = Stage &
  StakeBooks & {
    available: bigint
    account: bigint
    earned: bigint
    deliveries: Delivery[]
    nonce: bigint
    consent: bigint
    waitSeconds: bigint
    delaySeconds: bigint
  }
type Step = { name: string; amount: bigint; pick: number; job: bigint }

const now = ({ rig }: World) => rig.evm.block.timestamp
const isOver = (world: World, { at, state }: Delivery) => state === 'abandoned' || now(world) >= at + world.waitSeconds

const { withdrawStake, withdrawCredit } = stakeSteps('providerStake')

const steps: { [name: string]: (world: World, step: Step) => Promise<void> } = {
  async register(world) {
    if (world.active > 0n) return
    const { rig, provider } = world
    const params = { ...offer, additionalInfo: '', teeSignerAddress: provider.address }
    const options = { from: provider.address, value: stakeWei }
    const sent = await rig.send(rig.contracts.inferenceServing, 'addOrUpdateService', [params], options)
    assert.ok(sent.ok)
    world.active += stakeWei
    world.staked += stakeWei
  },
  async remove(world) {
    const { rig, provider } = world
    const sent = await rig.send(rig.contracts.inferenceServing, 'removeService', [], { from: provider.address })
    assert.equal(sent.ok, world.active > 0n)
    if (sent.ok) takeBack(world)
  },
  withdrawStake,
  async contradict(world, { job }) {
    const { rig, provider, user } = world
    const one = receiptOf(user, provider.address, job, rig.chainId)
    const other = { ...one, outputHash: word('99') }
    const [a, b] = [await world.signReceipt(provider, one), await world.signReceipt(provider, other)]
    const options = { from: world.reporter }
    const sent = await rig.send(rig.contracts.providerStake, 'reportContradiction', [one, a, other, b], options)
    slash(world, now(world), job, sent.ok)
  },
  async bill(world, { job, amount }) {
    const { rig, provider, user } = world
    const receipt = { ...receiptOf(user, provider.address, job, rig.chainId), fee: amount }
    const args = [receipt, await world.signReceipt(provider, receipt), price] as const
    const sent = await rig.send(rig.contracts.providerStake, 'reportFalseBill', args, { from: world.reporter })
    if (amount === 130n) return assert.ok(!sent.ok)
    slash(world, now(world), job, sent.ok)
  },
  async breakAcceptance(world, { job, amount, pick }) {
    const { rig, provider, user } = world
    const accepted = authorizationOf(user, provider.address, job, now(world))
    // the fee may be up to 200 wei, and one receipt in two is for another request
    const body = pick % 2 ? {} : { inputHash: word('ab') }
    const receipt = { ...receiptOf(user, provider.address, job, rig.chainId), fee: amount, ...body }
    const own = { ...accepted, maxFee: 200n }
    const signatures = [await world.signAcceptance(provider, own), await world.signReceipt(provider, receipt)] as const
    const args = [own, signatures[0], receipt, signatures[1]] as const
    const sent = await rig.send(rig.contracts.providerStake, 'reportBrokenAcceptance', args, { from: world.reporter })
    if (amount <= 200n && pick % 2 === 1) return assert.ok(!sent.ok)
    slash(world, now(world), job, sent.ok)
  },
  withdrawCredit,
  async deliver(world) {
    const { rig, provider, user, deliveries } = world
    const last = deliveries.at(-1)
    const id = `job ${deliveries.length}`
    const args = [user, id, '0xab'] as const
    const sent = await rig.send(rig.contracts.fineTuningServing, 'addDeliverable', args, { from: provider.address })
    const isFree = !last || last.state === 'acknowledged' || last.state === 'settled' || isOver(world, last)
    const oldest = deliveries.at(-20)
    assert.equal(sent.ok, isFree && (!oldest || oldest.state === 'settled'))
    if (sent.ok) deliveries.push({ id, at: now(world), state: 'new' })
  },
  async acknowledge(world, { pick }) {
    const { rig, provider, user } = world
    const item = pickOf(world, pick)
    if (!item) return
    const args = [provider.address, item.id] as const
    const sent = await rig.send(rig.contracts.fineTuningServing, 'acknowledgeDeliverable', args, { from: user })
    assert.equal(sent.ok, item.state === 'new' || item.state === 'acknowledged')
    if (sent.ok) item.state = 'acknowledged'
  },
  async abandon(world, { pick }) {
    const { rig, provider, user } = world
    const item = pickOf(world, pick)
    if (!item) return
    const args = [provider.address, item.id] as const
    const sent = await rig.send(rig.contracts.fineTuningServing, 'abandonDelivery', args, { from: user })
    assert.equal(sent.ok, item.state === 'new' || item.state === 'abandoned')
    if (sent.ok) item.state = 'abandoned'
  },
  async settleFee(world, { pick, amount }) {
    const { rig, provider, user } = world
    const item = pickOf(world, pick)
    if (!item) return
    const isTaken = item.state === 'acknowledged'
    const nonce = world.nonce + 1n
    const encryptedSecret: Hex = isTaken ? '0x12' : '0x'
    const message = { id: item.id, encryptedSecret, modelRootHash: '0xab' as Hex, nonce, taskFee: amount, user }
    const place = { chainId: rig.chainId, verifyingContract: rig.contracts.fineTuningServing.address }
    const domain = { ...fineTuningDomain, ...place }
    const typed = { domain, types: verifierMessageTypes, primaryType: 'VerifierMessage', message } as const
    const args = [{ ...message, signature: await provider.signTypedData(typed) }] as const
    const sent = await rig.send(rig.contracts.fineTuningServing, 'settleFees', args, { from: provider.address })
    const fee = isTaken ? amount : (amount * presets.weightless.penaltyPercent) / 100n
    assert.equal(sent.ok, item.state !== 'settled' && (isTaken || isOver(world, item)) && fee <= world.account)
    if (!sent.ok) return
    item.state = 'settled'
    world.nonce = nonce
    world.account -= fee
    world.earned += fee
  },
  async refundNow(world, { amount, pick }) {
    const { rig, provider, user } = world
    const nonce = world.consent + BigInt(pick % 2)
    const message = { user, provider: provider.address, nonce, amount, deadline: now(world) + 60n }
    const place = { chainId: rig.chainId, verifyingContract: rig.contracts.fineTuningServing.address }
    const domain = { ...fineTuningDomain, ...place }
    const typed = { domain, types: refundConsentTypes, primaryType: 'RefundConsent', message } as const
    const args = [fineTuning, message, await provider.signTypedData(typed)] as const
    const sent = await rig.send(rig.contracts.ledgerManager, 'retrieveFundNow', args, { from: user })
    assert.equal(sent.ok, nonce > world.consent)
    if (!sent.ok) return
    const moved = least(amount, world.account)
    world.consent = nonce
    world.account -= moved
    world.available += moved
  },
  async wait(world, { pick }) {
    const moments = [world.readyAt, ...world.deliveries.slice(-20).map(({ at }) => at + world.waitSeconds)]
    world.rig.evm.advance(1, secondsToWait(now(world), moments, pick * (pick % 2 ? 1 : 60)))
  },
}

export const stakeModel: Model<Stage, Step> = {
  name: 'stake',
  plants: ['wait-one-second', 'delay-one-second', 'fault-one-percent'],
  sequence: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(steps), 'wait'),
      amount: fc.oneof(fc.constant(130n), fc.bigInt({ min: 0n, max: 400n })),
      pick: fc.integer({ min: 0, max: 1500 }),
      job: fc.bigInt({ min: 1n, max: 6n }),
    }),
    { minLength: 20, maxLength: 45, size: 'max' },
  ),
  prepare,
  async play(stage, sequence, plant) {
    const world = beginWorld(stage, plant)
    for (const step of sequence) {
      await steps[step.name]!(world, step)
      await checkWorld(world)
    }
  },
}

async function prepare(openRig: () => Promise<SettlementRig['rig']>): Promise<Stage> {
  const stage = await createSettlementRig(openRig)
  const { rig, provider } = stage
  const { ledgerManager, fineTuningServing } = rig.contracts
  const [, user, reporter] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex]
  const registration = ['u', quota, 1n, false, ['m'], provider.address] as const
  await rig.must(fineTuningServing, 'addOrUpdateService', registration, { from: provider.address, value: stakeWei })
  await rig.must(fineTuningServing, 'acknowledgeTEESignerByOwner', [provider.address])
  await rig.must(ledgerManager, 'addLedger', [''], { from: user, value: paidIn })
  await rig.must(ledgerManager, 'transferFund', [provider.address, fineTuning, accountWei], { from: user })
  return { ...stage, user, reporter }
}

function beginWorld(stage: Stage, plant: string | undefined): World {
  const { acknowledgeSeconds, lockSeconds, challengeSeconds, faultPercent } = presets.weightless
  const more = (name: string) => (plant === name ? 1n : 0n)
  const nothing = { active: 0n, waiting: 0n, readyAt: 0n, burned: 0n, staked: 0n, earned: 0n, nonce: 0n, consent: 0n }
  const money = { available: paidIn - accountWei, account: accountWei, credits: { user: 0n, reporter: 0n } }
  return {
    ...stage,
    ...nothing,
    ...money,
    faults: new Set(),
    deliveries: [],
    waitSeconds: acknowledgeSeconds + more('wait-one-second'),
    delaySeconds: lockSeconds + challengeSeconds + more('delay-one-second'),
    faultPercent: faultPercent! + more('fault-one-percent'),
  }
}

/** The last twenty are there; older ones are gone. */
function pickOf({ deliveries }: World, pick: number): Delivery | undefined {
  const present = deliveries.slice(-20)
  return present[pick % (present.length || 1)]
}

async function checkWorld(world: World): Promise<void> {
  const { rig, provider, credits } = world
  const { inferenceServing, providerStake, fineTuningServing, ledgerManager } = rig.contracts
  const credited = credits.user + credits.reporter
  assert.equal(world.staked, world.active + world.waiting + credited)
  assert.equal(await rig.evm.balance(inferenceServing.address), world.active)
  assert.equal(await rig.evm.balance(providerStake.address), world.waiting + credited)
  assert.equal(await rig.evm.balance(zeroAddress), world.burned)
  assert.equal(paidIn, world.available + world.account + world.earned)
  assert.equal(await rig.evm.balance(ledgerManager.address), world.available)
  assert.equal(await rig.evm.balance(fineTuningServing.address), world.account + stakeWei)
  const stake = (await rig.must(inferenceServing, 'stakeOf', [provider.address])).value
  const [waiting] = (await rig.must(providerStake, 'unstakes', [provider.address])).value
  assert.deepEqual([stake, waiting], [world.active, world.waiting])
}
