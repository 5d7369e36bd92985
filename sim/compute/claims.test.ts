/** Who takes an answer and sends no voucher pays all the same: exactly, once, and not before it could contest. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Provider } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { createDirectUser, type DirectUser } from './directUser.ts'
import { createKillableProvider } from './killableProvider.ts'

const claimAfterMs = 700
const prices = { inputWeiPerToken: 10n ** 12n, outputWeiPerToken: 2n * 10n ** 12n }
const limits = { settleAgeMsMax: 50, claimAfterMs, claimAlways: true }
const claimed = { open: 1, contested: 2, closed: 3 }
const settlement = { address: contracts.receiptSettlement, abi: abis.receiptSettlement } as const

let net: ComputeNet
let provider: Provider

before(async () => {
  net = await startComputeNet()
  provider = await net.startProvider({ ...prices, limits })
  await provider.ready
  await Promise.all([2, 4, 5, 6, 7].map((index) => net.deposit(index, tokens(10))))
})

after(() => net.close())

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function afterWindow(): Promise<void> {
  const { rpc } = net.ledgerOf(3)
  await rpc.request('evm_increaseTime', [601])
  await rpc.request('evm_mine')
}

async function claimOverdue(): Promise<void> {
  await pause(claimAfterMs + 50)
  await provider.settle()
}

async function openUser(index: number, at: { address: Hex; url: string } = provider): Promise<DirectUser> {
  const user = await createDirectUser(net, at, index)
  await user.fund(tokens(1))
  return user
}

test('a user who sends no voucher pays exactly what was receipted, once; an honest one is never claimed', async () => {
  const user = await openUser(4)
  const gateway = await net.startGateway()
  const honest = await createDirectUser(net, provider, 2)
  const [funds, held] = [await user.balance(), await net.ledgerOf(3).balanceOf(contracts.receiptSettlement)]
  const jobs = [await user.ask(1n), await user.ask(2n)]
  for (let count = 0; count < 3; count++) {
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 })
    const headers = { authorization: `Bearer ${gatewayKey}` }
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, { method: 'POST', headers, body })
    assert.equal(answer.status, 200, await answer.text())
  }
  await gateway.settled()
  const fees = jobs.reduce((sum, { bundle }) => sum + bundle.receipt.fee, 0n)
  await provider.settle()
  assert.deepEqual(await user.pair(), { paid: 0n, owed: 0n, jobNonce: 0n, openClaims: 0 }, 'not before its time')
  await claimOverdue()
  assert.deepEqual(await user.pair(), { paid: fees, owed: fees, jobNonce: 2n, openClaims: 2 })
  assert.equal(await user.balance(), funds - fees)
  await provider.settle()
  assert.equal((await net.ledgerOf(3).balanceOf(contracts.receiptSettlement)) - held, fees, 'held for the window')
  await afterWindow()
  await provider.settle()
  assert.deepEqual(await Promise.all(jobs.map(({ receiptHash }) => user.claimState(receiptHash))), [3, 3])
  assert.deepEqual(await user.pair(), { paid: fees, owed: fees, jobNonce: 2n, openClaims: 0 })
  assert.equal(await net.ledgerOf(3).balanceOf(contracts.receiptSettlement), held)
  const { receipted, vouched, unvouched, claims, paid_on_chain } = await user.account()
  assert.deepEqual([receipted, vouched, paid_on_chain], [fees, fees, fees].map(String))
  assert.deepEqual([unvouched, claims], [[], []])
  const events = await net
    .ledgerOf(3)
    .getEvents({ ...settlement, eventNames: ['ClaimOpened'], ...(await wholeChain()) })
  assert.deepEqual(
    new Set(events.map(({ args }) => (args as { user: Hex }).user.toLowerCase())),
    new Set([user.address]),
  )
  assert.equal((await honest.account()).receipted, (await honest.account()).paid_on_chain)
  assert.ok((await honest.pair()).paid > 0n)
  assert.match(await net.env.metrics.render(), /weightless_compute_claims_paid_total 2/)
})

const wholeChain = async () => ({ fromBlock: 0n, toBlock: await net.ledgerOf(3).blockNumber() })

test('a voucher that comes too late pays nothing again, and the next one builds on the claim', async () => {
  const user = await createDirectUser(net, provider, 4)
  const before = await user.account()
  const late = await user.ask(3n)
  const base = BigInt(before.vouched)
  await claimOverdue()
  const root = before.receipts_root
  const cumulativeFee = base + late.bundle.receipt.fee
  assert.equal(await user.pay({ cumulativeFee, jobNonce: 4n, receipts: [late.receiptHash], root }), 401)
  const next = await user.ask(5n)
  const sum = cumulativeFee + next.bundle.receipt.fee
  assert.equal(await user.pay({ cumulativeFee: sum, jobNonce: 6n, receipts: [next.receiptHash], root }), 200)
  const funds = await user.balance()
  await provider.settle()
  assert.equal(await user.balance(), funds - next.bundle.receipt.fee)
  // The voucher is the user's word for the claim before it, which therefore is paid without waiting.
  assert.equal(await user.claimState(late.receiptHash), claimed.closed)
  assert.deepEqual(await user.pair(), { paid: sum, owed: sum, jobNonce: 6n, openClaims: 0 })
})

test('a contested claim stays frozen and is not paid', async () => {
  const user = await openUser(5)
  const { receiptHash, bundle } = await user.ask(1n)
  await claimOverdue()
  await user.ledger.submit({ ...settlement, functionName: 'contest', args: [receiptHash] })
  await afterWindow()
  const held = await net.ledgerOf(3).balanceOf(contracts.receiptSettlement)
  await provider.settle()
  assert.equal(await user.claimState(receiptHash), claimed.contested)
  assert.equal(await net.ledgerOf(3).balanceOf(contracts.receiptSettlement), held)
  const { claims } = await user.account()
  assert.deepEqual(
    claims.map(({ receipt_hash, state, held }) => [receipt_hash, state, held]),
    [[receiptHash, 'contested', `${bundle.receipt.fee}`]],
  )
})

test('what costs more gas than it brings is left alone', async () => {
  const thrifty = await net.startProvider({
    accountIndex: 9,
    folder: 'thrifty',
    limits: { settleAgeMsMax: 50, claimAfterMs: 1 },
  })
  await thrifty.ready
  const user = await openUser(7, thrifty)
  await user.ask(1n)
  await pause(20)
  await thrifty.settle()
  assert.deepEqual(await user.pair(), { paid: 0n, owed: 0n, jobNonce: 0n, openClaims: 0 })
  assert.equal((await user.account()).unvouched.length, 1)
})

test('kill -9 right after a claim neither loses nor repeats it', async () => {
  const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-claims-'))
  await provider.close()
  const process = createKillableProvider(net.rpcUrl, dataFolder, { claimAfterMs: 300, claimAlways: true })
  try {
    let { url } = await process.start(0)
    const port = Number(new URL(url).port)
    const user = await openUser(6, { address: provider.address, url })
    const jobs = [await user.ask(1n), await user.ask(2n), await user.ask(3n)]
    const fees = jobs.reduce((sum, { bundle }) => sum + bundle.receipt.fee, 0n)
    // Each time as soon as the chain has a claim more: before the provider can have written it down.
    for (let open = 1; open <= jobs.length; open++) {
      await until(async () => (await user.pair()).openClaims >= open)
      await process.kill()
      ;({ url } = await process.start(port))
    }
    await afterWindow()
    await until(async () => (await user.pair()).openClaims === 0)
    assert.deepEqual(await user.pair(), { paid: fees, owed: fees, jobNonce: 3n, openClaims: 0 })
    const { receipted, vouched, unvouched } = await user.account()
    assert.deepEqual([receipted, vouched, unvouched], [`${fees}`, `${fees}`, []])
    const opened = await net
      .ledgerOf(3)
      .getEvents({ ...settlement, eventNames: ['ClaimOpened'], ...(await wholeChain()) })
    const ours = opened.filter(({ args }) => (args as { user: Hex }).user.toLowerCase() === user.address)
    assert.equal(ours.length, jobs.length)
  } finally {
    await process.kill()
    await rm(dataFolder, { recursive: true, force: true })
  }
})

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let attempt = 0; attempt < 600; attempt++) {
    if (await holds()) return
    await pause(25)
  }
  assert.fail('it never came to pass')
}
