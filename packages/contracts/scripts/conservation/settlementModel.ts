/**
 * Vouchers, claims and refunds of two users with one provider: deposits = balances + payouts + what is held, and every
 * account as the rules say. Spec: spec/settlement.md 6
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Hex, parseEther } from 'viem'
import { voucherStatus } from '../../src/settlementStatus.ts'
import { refundConsentTypes, teeSettlementDomain } from '../../src/typedData.ts'
import { authorizationOf, createSettlementRig, price, receiptOf, type SettlementRig } from '../settlementRig.ts'
import { type Model, secondsToWait } from './model.ts'

/** What the rules say about one user, kept by hand beside the contracts. */
type Account = {
  available: bigint
  balance: bigint
  pending: { wei: bigint; at: bigint }[]
  paid: bigint
  owed: bigint
  jobNonce: bigint
  consentNonce: bigint
}
type World = SettlementRig & {
  users: { account: SettlementRig['provider']; model: Account }[]
  claims: {
    hash: Hex
    held: bigint
    at: bigint
    user: number
    jobNonce: bigint
    state: 'open' | 'contested' | 'closed'
  }[]
  covered: bigint[]
  payoutWei: bigint
  depositedWei: bigint
  lockSeconds: bigint
  windowSeconds: bigint
  /** What a claim draws, in wei. */
  claimWei: bigint
}
type Stage = SettlementRig & { users: World['users'] }
type Step = { name: string; user: number; amount: bigint; skip: bigint; pick: number }

const depositedWei = parseEther('0.002')

const steps: { [name: string]: (world: World, step: Step) => Promise<void> } = {
  async topUp(world, { user, amount }) {
    const { account, model } = world.users[user]!
    const { ledgerManager } = world.rig.contracts
    const args = [world.provider.address, 'inference-v1.0', amount + 1n] as const
    const sent = await world.rig.send(ledgerManager, 'transferFund', args, { from: account.address })
    const pending = model.pending.reduce((sum, { wei }) => sum + wei, 0n)
    const cancelled = amount + 1n < pending ? amount + 1n : pending
    const moved = amount + 1n - cancelled
    assert.equal(sent.ok, moved <= model.available)
    if (!sent.ok) return
    cancelYoungest(model, cancelled)
    model.available -= moved
    model.balance += moved
  },
  async retrieve(world, { user }) {
    const { account, model } = world.users[user]!
    const { ledgerManager } = world.rig.contracts
    const args = [[world.provider.address], 'inference-v1.0'] as const
    const now = world.rig.evm.block.timestamp
    const sent = await world.rig.send(ledgerManager, 'retrieveFund', args, { from: account.address })
    const ripe = model.pending.filter(({ at }) => now >= at + world.lockSeconds).reduce((sum, { wei }) => sum + wei, 0n)
    const waiting = model.pending.filter(({ at }) => now < at + world.lockSeconds)
    const asked = model.balance - ripe - waiting.reduce((sum, { wei }) => sum + wei, 0n)
    assert.equal(sent.ok, asked === 0n || waiting.length < 5)
    if (!sent.ok) return
    model.balance -= ripe
    model.available += ripe
    model.pending = asked > 0n ? [...waiting, { wei: asked, at: now }] : waiting
  },
  async refundNow(world, { user, amount, skip }) {
    const { account, model } = world.users[user]!
    const { rig, provider } = world
    // without a step ahead it is a replay, which must be refused
    const nonce = model.consentNonce + skip
    const deadline = rig.evm.block.timestamp + 60n
    const message = { user: account.address, provider: provider.address, nonce, amount, deadline }
    const place = { chainId: rig.chainId, verifyingContract: rig.contracts.inferenceServing.address }
    const domain = { ...teeSettlementDomain, ...place }
    const typed = { domain, types: refundConsentTypes, primaryType: 'RefundConsent', message } as const
    const args = ['inference-v1.0', message, await provider.signTypedData(typed)] as const
    const sent = await rig.send(rig.contracts.ledgerManager, 'retrieveFundNow', args, { from: account.address })
    assert.equal(sent.ok, skip > 0n)
    if (!sent.ok) return
    model.consentNonce = nonce
    const moved = draw(model, amount)
    assert.equal(sent.value, moved)
    model.available += moved
  },
  async voucher(world, { user, amount, skip }) {
    const { account, model } = world.users[user]!
    // now and then a step back, which must be refused
    const fee = model.owed + amount - 20n
    const jobNonce = model.jobNonce + skip
    if (fee < 0n) return
    const voucher = world.voucher(account.address, fee, jobNonce)
    const { value } = await world.settle([[voucher, await world.signVoucher(account, voucher)]])
    if (fee <= model.owed || skip === 0n) return assert.equal(value[0]!.status, voucherStatus.stale)
    const drawn = draw(model, fee - model.paid)
    const status = drawn === fee - model.paid ? voucherStatus.paid : voucherStatus.partial
    assert.deepEqual([value[0]!.status, value[0]!.paid, value[0]!.jobNonce], [status, drawn, jobNonce])
    model.paid += drawn
    model.owed = fee
    model.jobNonce = jobNonce
    if (world.claims.some((claim) => claim.user === user && claim.state !== 'closed')) world.covered[user] = jobNonce
    world.payoutWei += drawn
  },
  async collect(world, { user }) {
    const { account, model } = world.users[user]!
    const args = [[account.address]] as const
    const { value } = await world.rig.must(world.settlement, 'collectUnpaid', args, { from: world.provider.address })
    const drawn = draw(model, model.owed - model.paid)
    assert.deepEqual(value, [drawn])
    model.paid += drawn
    world.payoutWei += drawn
  },
  async claim(world, { user, skip }) {
    const { account, model } = world.users[user]!
    const { rig, provider } = world
    const now = rig.evm.block.timestamp
    const jobNonce = model.jobNonce + skip
    const authorization = authorizationOf(account.address, provider.address, jobNonce, now)
    const receipt = receiptOf(account.address, provider.address, jobNonce, rig.chainId)
    const signatures = [
      await world.signAuthorization(account, authorization),
      await world.signReceipt(provider, receipt),
    ]
    const args = [authorization, signatures[0]!, receipt, signatures[1]!, price] as const
    const sent = await rig.send(world.settlement, 'claim', args, { from: provider.address })
    assert.equal(sent.ok, skip > 0n)
    if (!sent.ok) return
    const held = draw(model, world.claimWei)
    model.paid += held
    model.owed += held
    model.jobNonce = jobNonce
    world.claims.push({ hash: sent.value, held, at: now, user, jobNonce, state: 'open' })
  },
  async contest(world, { pick }) {
    const claim = world.claims[pick % (world.claims.length || 1)]
    if (!claim) return
    const { account } = world.users[claim.user]!
    const now = world.rig.evm.block.timestamp
    const sent = await world.rig.send(world.settlement, 'contest', [claim.hash], { from: account.address })
    const isCovered = world.covered[claim.user]! >= claim.jobNonce
    assert.equal(sent.ok, claim.state === 'open' && now < claim.at + world.windowSeconds && !isCovered)
    if (sent.ok) claim.state = 'contested'
  },
  async payClaim(world, { pick }) {
    const claim = world.claims[pick % (world.claims.length || 1)]
    if (!claim) return
    const now = world.rig.evm.block.timestamp
    const sent = await world.rig.send(world.settlement, 'payClaim', [claim.hash], { from: world.provider.address })
    const isCovered = world.covered[claim.user]! >= claim.jobNonce
    const isRipe = claim.state === 'open' && now >= claim.at + world.windowSeconds
    assert.equal(sent.ok, isRipe || (claim.state !== 'closed' && isCovered))
    if (!sent.ok) return
    claim.state = 'closed'
    world.payoutWei += claim.held
  },
  async wait(world, { pick }) {
    const refunds = world.users.flatMap(({ model }) => model.pending.map(({ at }) => at + world.lockSeconds))
    const claims = world.claims.map(({ at }) => at + world.windowSeconds)
    world.rig.evm.advance(1, secondsToWait(world.rig.evm.block.timestamp, [...refunds, ...claims], pick))
  },
}

export const settlementModel: Model<Stage, Step> = {
  name: 'settlement',
  plants: ['lock-one-second', 'window-one-second', 'claim-one-wei'],
  sequence: fc.array(
    fc.record({
      name: fc.constantFrom(...Object.keys(steps), 'wait', 'wait'),
      user: fc.integer({ min: 0, max: 1 }),
      amount: fc.bigInt({ min: 0n, max: 400n }),
      skip: fc.bigInt({ min: 0n, max: 2n }),
      pick: fc.integer({ min: 0, max: 3000 }),
    }),
    { minLength: 20, maxLength: 45, size: 'max' },
  ),
  prepare,
  async play(stage, sequence, plant) {
    const world = beginWorld(stage, plant)
    for (const [index, step] of sequence.entries()) {
      await steps[step.name]!(world, step)
      await checkConservation(world)
      if (index % 5 === 4 || index === sequence.length - 1) await checkAccounts(world)
    }
  },
}

async function prepare(openRig: () => Promise<SettlementRig['rig']>): Promise<Stage> {
  const stage = await createSettlementRig(openRig)
  const users: World['users'] = []
  for (const account of stage.rig.accounts.slice(1, 3)) {
    const options = { from: account.address, value: depositedWei }
    await stage.rig.must(stage.rig.contracts.ledgerManager, 'depositFund', [], options)
    const firstWei = parseEther('0.0001')
    const args = [stage.provider.address, 'inference-v1.0', firstWei] as const
    await stage.rig.must(stage.rig.contracts.ledgerManager, 'transferFund', args, { from: account.address })
    // the rest of the first transfer goes at once, so that balances run dry within a sequence
    const voucher = stage.voucher(account.address, firstWei - 500n, 1n)
    await stage.settle([[voucher, await stage.signVoucher(account, voucher)]])
    const paid = firstWei - 500n
    users.push({
      account,
      model: {
        available: depositedWei - firstWei,
        balance: 500n,
        pending: [],
        paid,
        owed: paid,
        jobNonce: 1n,
        consentNonce: 0n,
      },
    })
  }
  return { ...stage, users }
}

function beginWorld(stage: Stage, plant: string | undefined): World {
  const users = stage.users.map(({ account, model }) => ({ account, model: { ...model, pending: [] } }))
  const payoutWei = users.reduce((sum, { model }) => sum + model.paid, 0n)
  return {
    ...stage,
    users,
    claims: [],
    covered: [0n, 0n],
    payoutWei,
    depositedWei: depositedWei * 2n,
    lockSeconds: plant === 'lock-one-second' ? 3601n : 3600n,
    windowSeconds: plant === 'window-one-second' ? 601n : 600n,
    claimWei: plant === 'claim-one-wei' ? 131n : 130n,
  }
}

/** Deposits = balances + payouts + what is held, in each contract and over all. */
async function checkConservation({ rig, users, claims, provider, settlement, ...world }: World): Promise<void> {
  const { ledgerManager, inferenceServing } = rig.contracts
  const sum = (value: (model: Account) => bigint) => users.reduce((total, { model }) => total + value(model), 0n)
  const held = claims.filter(({ state }) => state !== 'closed').reduce((total, claim) => total + claim.held, 0n)
  assert.equal(
    await rig.evm.balance(ledgerManager.address),
    sum(({ available }) => available),
  )
  assert.equal(
    await rig.evm.balance(inferenceServing.address),
    sum(({ balance }) => balance),
  )
  assert.equal(await rig.evm.balance(settlement.address), held)
  assert.equal(await rig.evm.balance(provider.address), parseEther('10000') + world.payoutWei)
  assert.equal(world.depositedWei, sum(({ available, balance }) => available + balance) + held + world.payoutWei)
}

/** What each contract says about each user is what the model says. */
async function checkAccounts(world: World): Promise<void> {
  const { rig, users, provider } = world
  const { ledgerManager, inferenceServing } = rig.contracts
  for (const { account, model } of users) {
    const ledger = (await rig.must(ledgerManager, 'getLedger', [account.address])).value
    assert.deepEqual([ledger.availableBalance, ledger.totalBalance], [model.available, model.available + model.balance])
    const entry = (await rig.must(inferenceServing, 'getAccount', [account.address, provider.address])).value
    const pending = model.pending.reduce((sum, { wei }) => sum + wei, 0n)
    assert.deepEqual([entry.balance, entry.pendingRefund], [model.balance, pending])
    const { paid, owed, jobNonce } = await world.pair(account.address)
    assert.deepEqual({ paid, owed, jobNonce }, { paid: model.paid, owed: model.owed, jobNonce: model.jobNonce })
    assert.ok(paid <= owed)
  }
}

function draw(model: Account, wei: bigint): bigint {
  const drawn = wei < model.balance ? wei : model.balance
  const pending = model.pending.reduce((sum, entry) => sum + entry.wei, 0n)
  if (drawn > model.balance - pending) cancelYoungest(model, drawn - (model.balance - pending))
  model.balance -= drawn
  return drawn
}

function cancelYoungest(model: Account, wei: bigint): void {
  let rest = wei
  while (rest > 0n) {
    const youngest = model.pending.at(-1)!
    if (youngest.wei > rest) {
      youngest.wei -= rest
      return
    }
    rest -= youngest.wei
    model.pending.pop()
  }
}
