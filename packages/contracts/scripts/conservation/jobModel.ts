/**
 * The job board under any sequence of steps, with one account that cannot be paid and one that asks again while it is being
 * paid: it holds what it owes, follows its model, and locks nothing for ever. Spec: spec/market.md
 */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type Hex, keccak256, parseEther, toFunctionSelector, toHex, zeroAddress, zeroHash } from 'viem'
import { jobMode } from '../../src/jobTerms.ts'
import type { Rig } from '../contractRig.ts'
import { presets } from '../presets.ts'
import { type Model, secondsToWait } from './model.ts'

/** What the rules say about one job, kept by hand beside the contract. */
type Job = {
  poster: Hex
  provider: Hex
  mode: number
  state: 'open' | 'taken' | 'delivered' | 'rejected' | 'closed'
  postedAt: bigint
  until: bigint
  floor: bigint
  max: bigint
  price: bigint
  bond: bigint
}
type World = {
  rig: Rig
  jobs: Job[]
  credits: Map<Hex, bigint>
  people: Hex[]
  refuser: Hex
  greedy: Hex
  paidWei: Map<Hex, bigint>
  rules: Rules
}
/** What a plant can change by one: seconds of review, share of a disputed job, wei of a bond that goes to who abandons. */
type Rules = { reviewSeconds: bigint; shareBps: bigint; abandonedWei: bigint }
type Stage = Pick<World, 'rig' | 'people' | 'refuser' | 'greedy'>
/** `isApt`: of the jobs that live, and by whom it may be done; else of all, and by anybody. */
type Step = { name: string; who: number; pick: number; amount: bigint; mode: number; isApt: boolean }

const seconds = { auction: 200n, open: 400n, work: 500n, review: 300n }
const resolveSeconds = presets.weightless.resolveSeconds
const shareBps = 2500n
const root = keccak256(toHex('root'))
const fundsWei = parseEther('10000')

type Name = 'deliverJob' | 'acknowledgeJob' | 'rejectJob' | 'cancelJob' | 'declineJob' | 'abandonJob' | 'closeOverdue'
const transitions: {
  [name in Name]: (job: Job, from: Hex, now: bigint, rules: Rules) => [bigint, bigint] | Partial<Job> | false
} = {
  deliverJob: (job, from, now, { reviewSeconds }) =>
    job.state === 'taken' &&
    from === job.provider &&
    now <= job.until && { state: 'delivered', until: now + reviewSeconds },
  acknowledgeJob: (job, from) =>
    (job.state === 'delivered' || job.state === 'rejected') && from === job.poster && [job.price + job.bond, 0n],
  rejectJob: (job, from, now) =>
    job.state === 'delivered' &&
    from === job.poster &&
    now <= job.until && { state: 'rejected', until: now + resolveSeconds },
  cancelJob: (job, from) => job.state === 'open' && from === job.poster && [0n, job.max],
  declineJob: (job, from) =>
    job.state === 'open' && job.mode === jobMode.assign && from === job.provider && [0n, job.max],
  abandonJob: (job, from, now, { abandonedWei }) => {
    if (job.state !== 'taken' || from !== job.provider || now > job.until) return false
    const back = job.bond / 2n + abandonedWei
    return [back, job.price + job.bond - back]
  },
  closeOverdue: (job, _from, now, rules) => {
    if (job.state === 'closed' || now <= job.until) return false
    if (job.state === 'open') return [0n, job.max]
    if (job.state === 'taken') return [0n, job.price + job.bond]
    if (job.state === 'delivered') return [job.price + job.bond, 0n]
    const share = (job.price * rules.shareBps) / 10_000n
    return [share + job.bond, job.price - share]
  },
}

const steps: { [name: string]: (world: World, step: Step) => Promise<void> } = {
  async post({ rig, jobs, people }, { who, pick, amount, mode }) {
    const [poster, provider] = [people[who]!, mode === jobMode.assign ? people[pick % 4]! : zeroAddress]
    const isAuction = mode === jobMode.auction
    const priceMax = amount + 1n
    const priceFloor = isAuction ? priceMax / 3n : priceMax
    const terms = { kind: 2, mode, provider, specRoot: root, priceFloor, priceMax, bond: amount % 7n }
    const times = {
      auctionSeconds: isAuction ? Number(seconds.auction) : 0,
      openSeconds: Number(seconds.open),
      workSeconds: Number(seconds.work),
      reviewSeconds: Number(seconds.review),
      disputedShareBps: Number(shareBps),
    }
    const postedAt = rig.evm.block.timestamp
    await rig.must(rig.contracts.jobBoard, 'postJob', [{ ...terms, ...times }], { from: poster, value: priceMax })
    const until = postedAt + seconds.open
    const { bond } = terms
    jobs.push({
      poster,
      provider,
      mode,
      state: 'open',
      postedAt,
      until,
      floor: priceFloor,
      max: priceMax,
      price: 0n,
      bond,
    })
  },
  async accept({ rig, jobs, people, credits }, { who, pick, isApt }) {
    const job = chosenJob(jobs, pick, isApt)
    if (!job) return
    const [from, now] = [people[who]!, rig.evm.block.timestamp]
    const jobId = BigInt(jobs.indexOf(job) + 1)
    const sent = await rig.send(rig.contracts.jobBoard, 'acceptJob', [jobId], { from, value: job.bond })
    const isNamed = job.mode !== jobMode.assign || from === job.provider
    assert.equal(sent.ok, job.state === 'open' && isNamed && now <= job.until)
    if (!sent.ok) return
    const elapsed = now - job.postedAt
    const isRising = job.mode === jobMode.auction && elapsed < seconds.auction
    const price = isRising ? job.floor + ((job.max - job.floor) * elapsed) / seconds.auction : job.max
    Object.assign(job, { state: 'taken', provider: from, price, until: now + seconds.work })
    credit(credits, job.poster, job.max - price)
  },
  async resolve({ rig, jobs, credits }, { pick, amount, isApt }) {
    const job = chosenJob(jobs, pick, isApt)
    if (!job) return
    const jobId = BigInt(jobs.indexOf(job) + 1)
    const now = rig.evm.block.timestamp
    const sent = await rig.send(rig.contracts.jobBoard, 'resolveJob', [jobId, amount])
    const held = job.price + job.bond
    assert.equal(sent.ok, job.state === 'rejected' && now <= job.until && amount <= held)
    if (sent.ok) close(credits, job, amount, held - amount)
  },
  async withdraw({ rig, people, credits, refuser, greedy, paidWei }, { who }) {
    const payee = people[who]!
    const amount = credits.get(payee) ?? 0n
    const sent = await rig.send(rig.contracts.jobBoard, 'withdrawPayments', [payee], { from: people[3]! })
    assert.equal(sent.ok, payee !== refuser)
    if (!sent.ok) return
    // the second is the greedy one's own, while it was being paid
    assert.equal(sent.logs.length, payee === greedy && amount > 0n ? 2 : 1)
    credits.set(payee, 0n)
    paidWei.set(payee, (paidWei.get(payee) ?? 0n) + amount)
  },
  async wait({ rig, jobs }, { pick }) {
    const moments = jobs.filter(({ state }) => state !== 'closed').map(({ until }) => until)
    rig.evm.advance(1, secondsToWait(rig.evm.block.timestamp, moments, pick))
  },
}
for (const name of Object.keys(transitions) as Name[]) {
  steps[name] = async ({ rig, jobs, people, credits, rules }, { who, pick, isApt }) => {
    const job = chosenJob(jobs, pick, isApt)
    if (!job) return
    const isPosters = name === 'acknowledgeJob' || name === 'rejectJob' || name === 'cancelJob'
    const from = isApt && job.provider !== zeroAddress ? (isPosters ? job.poster : job.provider) : people[who]!
    const next = transitions[name](job, from, rig.evm.block.timestamp, rules)
    const sent = await call(rig, name, BigInt(jobs.indexOf(job) + 1), from)
    assert.equal(sent.ok, next !== false, name)
    if (Array.isArray(next)) close(credits, job, ...next)
    else if (next) Object.assign(job, next)
  }
}

/** States that the sequences of this process have seen. */
const seen = new Set<string>()

export const jobModel: Model<Stage, Step> = {
  name: 'jobs',
  plants: ['review-one-second', 'share-one-basis-point', 'bond-one-wei'],
  sequence: fc.array(
    fc.record({
      // jobs have to come from somewhere, and most steps need one that got far
      name: fc.constantFrom(...Object.keys(steps), 'post', 'accept', 'accept', 'deliverJob', 'deliverJob', 'rejectJob'),
      who: fc.integer({ min: 0, max: 3 }),
      pick: fc.integer({ min: 0, max: 520 }),
      amount: fc.bigInt({ min: 0n, max: 90_000n }),
      mode: fc.integer({ min: 0, max: 2 }),
      isApt: fc.integer({ min: 0, max: 3 }).map((value) => value > 0),
    }),
    { minLength: 60, maxLength: 90, size: 'max' },
  ),
  prepare,
  async play(stage, sequence, plant) {
    const more = (name: string) => (plant === name ? 1n : 0n)
    const rules = {
      reviewSeconds: seconds.review + more('review-one-second'),
      shareBps: shareBps + more('share-one-basis-point'),
      abandonedWei: more('bond-one-wei'),
    }
    const world: World = { ...stage, jobs: [], credits: new Map(), paidWei: new Map(), rules }
    for (const step of sequence) {
      await steps[step.name]!(world, step)
      await checkConservation(world)
      for (const { state } of world.jobs) seen.add(state)
    }
    await checkNothingLocked(world)
  },
  checkReached: () => assert.equal(seen.size, 5, `the sequences saw jobs in ${[...seen].join(', ')} only`),
}

/** Two accounts as they are, one that cannot be paid, and one that asks for its money again while it is being paid. */
async function prepare(openRig: () => Promise<Rig>): Promise<Stage> {
  const rig = await openRig()
  const people = rig.accounts.slice(1, 5).map(({ address }) => address)
  const [refuser, greedy] = people as [Hex, Hex]
  const { jobBoard } = rig.contracts
  await rig.must(jobBoard, 'setResolver', [rig.accounts[0]!.address])
  await rig.evm.setAccount(refuser, { code: '0x5f5ffd', balance: fundsWei })
  const selector = toFunctionSelector('withdrawPayments(address)').slice(2)
  // if value came: call board.withdrawPayments(this) with all gas, whatever it answers
  const again = `63${selector}60e01b5f52306004525f5f60245f5f73${jobBoard.address.slice(2)}5af150`
  const code: Hex = `0x341560${(4 + 1 + again.length / 2).toString(16)}57${again}5b00`
  await rig.evm.setAccount(greedy, { code, balance: fundsWei })
  return { rig, people, refuser, greedy }
}

function call(rig: Rig, name: Name, jobId: bigint, from: Hex) {
  const { jobBoard } = rig.contracts
  if (name === 'deliverJob') return rig.send(jobBoard, name, [jobId, root, zeroHash], { from })
  if (name === 'rejectJob') return rig.send(jobBoard, name, [jobId, zeroHash], { from })
  return rig.send(jobBoard, name, [jobId], { from })
}

function chosenJob(jobs: readonly Job[], pick: number, isApt: boolean): Job | undefined {
  const living = isApt ? jobs.filter(({ state }) => state !== 'closed') : jobs
  return living[pick % (living.length || 1)]
}

function credit(credits: Map<Hex, bigint>, account: Hex, wei: bigint): void {
  credits.set(account, (credits.get(account) ?? 0n) + wei)
}

function close(credits: Map<Hex, bigint>, job: Job, toProvider: bigint, toPoster: bigint): void {
  credit(credits, job.provider, toProvider)
  credit(credits, job.poster, toPoster)
  job.state = 'closed'
}

async function checkConservation({ rig, jobs, credits, people, paidWei }: World): Promise<void> {
  const { jobBoard } = rig.contracts
  const heldOf = ({ state, max, price, bond }: Job) => (state === 'closed' ? 0n : state === 'open' ? max : price + bond)
  const held = jobs.reduce((sum, job) => sum + heldOf(job), 0n)
  const owed = people.reduce((sum, account) => sum + (credits.get(account) ?? 0n), 0n)
  assert.equal((await rig.must(jobBoard, 'heldInAll', [])).value, held)
  assert.equal(await rig.evm.balance(jobBoard.address), held + owed)
  const balances = await Promise.all(people.map((account) => rig.evm.balance(account)))
  assert.equal(
    balances.reduce((sum, wei) => sum + wei, 0n),
    fundsWei * 4n - held - owed,
  )
  for (const [account, wei] of credits) {
    assert.equal((await rig.must(jobBoard, 'payments', [account])).value, wei)
    assert.ok((paidWei.get(account) ?? 0n) >= 0n)
  }
}

/** After all times are over anybody can close every job, and only who refuses money does not get it. */
async function checkNothingLocked(world: World): Promise<void> {
  const { rig, jobs, people, refuser, credits } = world
  rig.evm.advance(1, 400 * 86_400)
  for (const pick of jobs.keys()) {
    if (jobs[pick]!.state !== 'closed')
      await steps.closeOverdue!(world, { name: 'closeOverdue', who: 2, pick, amount: 0n, mode: 0, isApt: false })
  }
  for (const who of people.keys())
    await steps.withdraw!(world, { name: 'withdraw', who, pick: 0, amount: 0n, mode: 0, isApt: false })
  await checkConservation(world)
  assert.equal(await rig.evm.balance(rig.contracts.jobBoard.address), credits.get(refuser) ?? 0n)
}
