import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Hex, keccak256, toHex, zeroAddress, zeroHash } from 'viem'
import { createRig, eventsOf, type Rig } from '../scripts/contractRig.ts'
import { presets } from '../scripts/presets.ts'
import { type JobTerms, jobMode, jobOutcome, jobState } from './jobTerms.ts'

const result = keccak256(toHex('result'))
const receipt = keccak256(toHex('receipt'))
const terms: JobTerms = {
  kind: 1,
  mode: jobMode.take,
  provider: zeroAddress,
  specRoot: keccak256(toHex('spec')),
  priceFloor: 1000n,
  priceMax: 1000n,
  bond: 101n,
  auctionSeconds: 0,
  openSeconds: 600,
  workSeconds: 1200,
  reviewSeconds: 300,
  disputedShareBps: 4000,
}

async function createBoard() {
  const rig = await createRig()
  const [, poster, provider, stranger] = rig.accounts.map(({ address }) => address) as [Hex, Hex, Hex, Hex]
  const { jobBoard } = rig.contracts
  const post = async (change: Partial<JobTerms> = {}) => {
    const asked = { ...terms, ...change }
    return (await rig.must(jobBoard, 'postJob', [asked], { from: poster, value: asked.priceMax })).value
  }
  const accept = (jobId: bigint, from = provider, value = terms.bond) =>
    rig.send(jobBoard, 'acceptJob', [jobId], { from, value })
  const deliver = (jobId: bigint) => rig.must(jobBoard, 'deliverJob', [jobId, result, receipt], { from: provider })
  const owed = async (account: Hex) => (await rig.must(jobBoard, 'payments', [account])).value
  const job = async (jobId: bigint) => (await rig.must(jobBoard, 'getJob', [jobId])).value
  return { rig, jobBoard, poster, provider, stranger, post, accept, deliver, owed, job }
}

type Sent = { ok: true } | { ok: false; error: string }
const errorOf = async (sent: Promise<Sent>): Promise<string | undefined> => {
  const answer = await sent
  return answer.ok ? undefined : answer.error
}
const pass = (rig: Rig, seconds: number) => rig.evm.advance(1, seconds)

describe('Job board', () => {
  it('pays price and bond for a job that was taken, delivered and acknowledged', async () => {
    const { rig, jobBoard, poster, provider, post, accept, deliver, owed, job } = await createBoard()
    const jobId = await post()
    assert.equal(jobId, 1n)
    const [open, [listed], total] = (await rig.must(jobBoard, 'getOpenJobs', [0n, 10n])).value
    assert.deepEqual([open, listed!.specRoot, total], [[1n], terms.specRoot, 1n])
    assert.equal(await errorOf(accept(jobId)), undefined)
    assert.equal((await rig.must(jobBoard, 'getOpenJobs', [0n, 10n])).value[2], 0n)
    await deliver(jobId)
    const { logs } = await rig.must(jobBoard, 'acknowledgeJob', [jobId], { from: poster })
    const [closed] = eventsOf(jobBoard, logs)
    assert.deepEqual(closed!.args, {
      jobId,
      outcome: jobOutcome.acknowledged,
      toProvider: terms.priceMax + terms.bond,
      toPoster: 0n,
    })
    const { state, outcome, resultRoot, receiptHash } = await job(jobId)
    assert.deepEqual(
      [state, outcome, resultRoot, receiptHash],
      [jobState.closed, jobOutcome.acknowledged, result, receipt],
    )
    assert.equal(await owed(provider), terms.priceMax + terms.bond)
    const before = await rig.evm.balance(provider)
    await rig.must(jobBoard, 'withdrawPayments', [provider])
    assert.equal((await rig.evm.balance(provider)) - before, terms.priceMax + terms.bond)
    assert.equal(await rig.evm.balance(jobBoard.address), 0n)
  })

  it('lets the named provider alone accept or decline an assigned job', async () => {
    const { rig, jobBoard, poster, provider, stranger, post, accept, owed } = await createBoard()
    const change = { mode: jobMode.assign, provider }
    const jobId = await post(change)
    assert.equal(await errorOf(accept(jobId, stranger)), 'CallerNotProvider')
    const decline = (id: bigint, from: Hex) => rig.send(jobBoard, 'declineJob', [id], { from })
    assert.equal(await errorOf(decline(jobId, stranger)), 'CallerNotProvider')
    assert.equal(await errorOf(decline(jobId, provider)), undefined)
    assert.equal(await owed(poster), terms.priceMax)
    assert.equal(await errorOf(decline(await post(), provider)), 'CallerNotProvider')
    assert.equal(await errorOf(accept(await post(change))), undefined)
  })

  it('raises an auction price evenly, and gives the poster back what the job does not cost', async () => {
    const { rig, jobBoard, poster, post, accept, owed, job } = await createBoard()
    const change = { mode: jobMode.auction, priceFloor: 200n, auctionSeconds: 400 }
    const jobId = await post(change)
    const priceOf = async (id: bigint) => (await rig.must(jobBoard, 'priceOf', [id])).value
    assert.equal(await priceOf(jobId), 200n)
    pass(rig, 100)
    assert.equal(await priceOf(jobId), 400n)
    assert.equal(await errorOf(accept(jobId)), undefined)
    assert.equal((await job(jobId)).price, 400n)
    assert.equal(await owed(poster), terms.priceMax - 400n)
    const late = await post(change)
    pass(rig, 401)
    assert.equal(await priceOf(late), terms.priceMax)
  })

  it('closes what is overdue in every state, at anybody’s request', async () => {
    const { rig, jobBoard, poster, provider, stranger, post, accept, deliver, job } = await createBoard()
    const close = (jobId: bigint) => rig.send(jobBoard, 'closeOverdue', [jobId], { from: stranger })
    const reject = (jobId: bigint) => rig.must(jobBoard, 'rejectJob', [jobId, zeroHash], { from: poster })
    const owed = async (account: Hex) => {
      const { value } = await rig.must(jobBoard, 'payments', [account])
      await rig.must(jobBoard, 'withdrawPayments', [account])
      return value
    }
    const ends = async (jobId: bigint, waits: number, outcome: number, toProvider: bigint, toPoster: bigint) => {
      pass(rig, waits)
      assert.equal(await errorOf(close(jobId)), 'TooEarly')
      pass(rig, 1)
      assert.equal(await errorOf(close(jobId)), undefined)
      assert.equal((await job(jobId)).outcome, outcome)
      assert.deepEqual([await owed(provider), await owed(poster)], [toProvider, toPoster])
      assert.equal(await errorOf(close(jobId)), 'WrongState')
    }
    const { priceMax, bond } = terms
    await ends(await post(), terms.openSeconds, jobOutcome.expired, 0n, priceMax)
    const taken = await post()
    await accept(taken)
    await ends(taken, terms.workSeconds, jobOutcome.timedOut, 0n, priceMax + bond)
    const silent = await post()
    await accept(silent)
    await deliver(silent)
    await ends(silent, terms.reviewSeconds, jobOutcome.unanswered, priceMax + bond, 0n)
    const disputed = await post()
    await accept(disputed)
    await deliver(disputed)
    await reject(disputed)
    const share = (priceMax * BigInt(terms.disputedShareBps)) / 10_000n
    const resolveSeconds = Number(presets.weightless.resolveSeconds)
    await ends(disputed, resolveSeconds, jobOutcome.undecided, share + bond, priceMax - share)
    assert.equal(await errorOf(close(99n)), 'WrongState')
  })

  it('leaves rejected work to the resolver, within what is held', async () => {
    const { rig, jobBoard, poster, provider, stranger, post, accept, deliver, owed } = await createBoard()
    const disputed = async () => {
      const jobId = await post()
      await accept(jobId)
      await deliver(jobId)
      await rig.must(jobBoard, 'rejectJob', [jobId, zeroHash], { from: poster })
      return jobId
    }
    const resolve = (jobId: bigint, wei: bigint, from = stranger) =>
      errorOf(rig.send(jobBoard, 'resolveJob', [jobId, wei], { from }))
    const jobId = await disputed()
    assert.equal(await resolve(jobId, 0n), 'CallerNotResolver')
    await rig.must(jobBoard, 'setResolver', [stranger])
    assert.equal(await resolve(jobId, terms.priceMax + terms.bond + 1n), 'AwardTooLarge')
    assert.equal(await resolve(jobId, 7n), undefined)
    assert.deepEqual([await owed(provider), await owed(poster)], [7n, terms.priceMax + terms.bond - 7n])
    const late = await disputed()
    pass(rig, Number(presets.weightless.resolveSeconds) + 1)
    assert.equal(await resolve(late, 7n), 'TooLate')
    // a poster may still give in
    await rig.must(jobBoard, 'acknowledgeJob', [late], { from: poster })
    assert.equal(await owed(provider), 7n + terms.priceMax + terms.bond)
  })

  it('keeps half the bond of a provider that gives up in time', async () => {
    const { rig, jobBoard, poster, provider, stranger, post, accept, owed } = await createBoard()
    const abandon = (jobId: bigint, from = provider) => errorOf(rig.send(jobBoard, 'abandonJob', [jobId], { from }))
    const jobId = await post()
    assert.equal(await abandon(jobId), 'WrongState')
    await accept(jobId)
    assert.equal(await abandon(jobId, stranger), 'CallerNotProvider')
    assert.equal(await abandon(jobId), undefined)
    const half = terms.bond / 2n
    assert.deepEqual([await owed(provider), await owed(poster)], [half, terms.priceMax + terms.bond - half])
    const late = await post()
    await accept(late)
    pass(rig, terms.workSeconds + 1)
    assert.equal(await abandon(late), 'TooLate')
  })

  it('refuses each step out of turn, out of time and by others', async () => {
    const { rig, jobBoard, poster, provider, stranger, post, accept, deliver } = await createBoard()
    const send = (name: 'cancelJob' | 'acknowledgeJob', jobId: bigint, from: Hex) =>
      errorOf(rig.send(jobBoard, name, [jobId], { from }))
    const deliverAs = (jobId: bigint, from: Hex, root = result) =>
      errorOf(rig.send(jobBoard, 'deliverJob', [jobId, root, receipt], { from }))
    const reject = (jobId: bigint, from: Hex) => errorOf(rig.send(jobBoard, 'rejectJob', [jobId, zeroHash], { from }))
    const jobId = await post()
    assert.equal(await send('cancelJob', jobId, stranger), 'CallerNotPoster')
    assert.equal(await send('acknowledgeJob', jobId, poster), 'WrongState')
    assert.equal(await deliverAs(jobId, provider), 'WrongState')
    assert.equal(await errorOf(accept(jobId, provider, terms.bond - 1n)), 'BondMismatch')
    await accept(jobId)
    assert.equal(await errorOf(accept(jobId)), 'WrongState')
    assert.equal(await send('cancelJob', jobId, poster), 'WrongState')
    assert.equal(await deliverAs(jobId, stranger), 'CallerNotProvider')
    assert.equal(await deliverAs(jobId, provider, zeroHash), 'EmptyResult')
    await deliver(jobId)
    assert.equal(await send('acknowledgeJob', jobId, provider), 'CallerNotPoster')
    assert.equal(await reject(jobId, stranger), 'CallerNotPoster')
    pass(rig, terms.reviewSeconds + 1)
    assert.equal(await reject(jobId, poster), 'TooLate')
    const slow = await post()
    await accept(slow)
    pass(rig, terms.workSeconds + 1)
    assert.equal(await deliverAs(slow, provider), 'TooLate')
    const stale = await post()
    pass(rig, terms.openSeconds + 1)
    assert.equal(await errorOf(accept(stale)), 'TooLate')
    assert.equal(await send('cancelJob', stale, poster), undefined)
    const foreign = await rig.send(jobBoard, 'setResolver', [stranger], { from: stranger })
    assert.match(!foreign.ok ? foreign.error : '', /not the owner/)
    assert.equal(await errorOf(rig.send(jobBoard, 'getJob', [0n])), 'WrongState')
    assert.equal(await errorOf(rig.send(jobBoard, 'getOpenJobs', [0n, 101n])), 'LimitTooLarge')
  })

  it('refuses terms that make no sense, and escrow that is not theirs', async () => {
    const { rig, jobBoard, poster, provider } = await createBoard()
    const refused: [string, Partial<JobTerms>][] = [
      ['kind', { kind: 3 }],
      ['provider', { provider }],
      ['provider', { mode: jobMode.assign }],
      ['specRoot', { specRoot: zeroHash }],
      ['price', { priceFloor: 0n, priceMax: 0n }],
      ['price', { priceFloor: terms.priceMax + 1n }],
      ['priceFloor', { priceFloor: 1n }],
      ['openSeconds', { openSeconds: 0 }],
      ['workSeconds', { workSeconds: 90 * 86_400 + 1 }],
      ['reviewSeconds', { reviewSeconds: 59 }],
      ['disputedShareBps', { disputedShareBps: 10_001 }],
      ['auctionSeconds', { auctionSeconds: 1 }],
      ['auctionSeconds', { mode: jobMode.auction }],
      ['auctionSeconds', { mode: jobMode.auction, auctionSeconds: terms.openSeconds + 1 }],
    ]
    for (const [field, change] of refused) {
      const asked = { ...terms, ...change }
      const sent = await rig.send(jobBoard, 'postJob', [asked], { from: poster, value: asked.priceMax })
      assert.deepEqual(!sent.ok && [sent.error, sent.args], ['InvalidTerms', [field]])
    }
    const short = rig.send(jobBoard, 'postJob', [terms], { from: poster, value: terms.priceMax - 1n })
    assert.equal(await errorOf(short), 'EscrowMismatch')
  })
})
