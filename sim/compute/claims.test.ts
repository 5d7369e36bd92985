/** Who takes an answer and sends no voucher pays all the same: exactly, once, and not before it could contest. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Provider } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import type { NodeEnv } from '@weightless/env/node'
import type { Bundle } from '@weightless/receipt'
import { keccak256, stringToHex } from 'viem'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { createDirectUser, type DirectUser, type UnvouchedJob } from './directUser.ts'
import { createKillableProvider } from './killableProvider.ts'

const claimAfterMs = 60_000
/** Dear enough that a job is worth its claim. */
const prices = { inputWeiPerToken: 10n ** 14n, outputWeiPerToken: 2n * 10n ** 14n }
const claimed = { none: 0, open: 1, contested: 2, closed: 3 }
const settlement = { address: contracts.receiptSettlement, abi: abis.receiptSettlement } as const

let net: ComputeNet
let provider: Provider
let clockAheadMs = 0

describe('claims on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider({
      ...prices,
      env: withClock(net.env),
      limits: { settleAgeMsMax: 50, claimAfterMs },
    })
    await provider.ready
    await Promise.all([2, 3, 4, 5, 6, 7].map((index) => net.deposit(index, tokens(10))))
  })

  after(() => net.close())

  /** Providers whose wall clock the tests move. */
  const withClock = (env: NodeEnv): NodeEnv => ({
    ...env,
    clock: { ...env.clock, nowMs: () => env.clock.nowMs() + clockAheadMs },
  })

  const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

  async function afterWindow(): Promise<void> {
    const { rpc } = net.ledgerOf(3)
    await rpc.request('evm_increaseTime', [601])
    await rpc.request('evm_mine')
  }

  async function claimOverdue(): Promise<void> {
    clockAheadMs += claimAfterMs + 1_000
    await provider.settle()
  }

  async function openUser(index: number, at: { address: Hex; url: string } = provider): Promise<DirectUser> {
    const user = await createDirectUser(net, at, index)
    await user.fund(tokens(1))
    return user
  }

  async function askGateway({ url }: { url: string }): Promise<void> {
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 })
    const headers = { authorization: `Bearer ${gatewayKey}` }
    const answer = await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })
    assert.equal(answer.status, 200, await answer.text())
  }

  test('an authorisation that ends sooner is claimed sooner', async () => {
    const patient = await net.startProvider({
      ...prices,
      accountIndex: 8,
      folder: 'patient',
      env: withClock(net.env),
      limits: { settleAgeMsMax: 50, claimAfterMs: 3_600_000 },
    })
    await patient.ready
    const user = await openUser(3, patient)
    const { receiptHash } = await user.ask(1n, 600)
    await patient.settle()
    assert.equal(await user.claimState(receiptHash), claimed.none)
    clockAheadMs += 580_000
    await patient.settle()
    assert.equal(await user.claimState(receiptHash), claimed.open)
    clockAheadMs = 0
    await patient.close()
  })

  test('a user who sends no voucher pays exactly what was receipted, once; an honest one is never claimed', async () => {
    const user = await openUser(4)
    const gateway = await net.startGateway()
    const honest = await createDirectUser(net, provider, 2)
    const [funds, held] = [await user.balance(), await net.ledgerOf(3).balanceOf(contracts.receiptSettlement)]
    const jobs = [await user.ask(1n), await user.ask(2n)]
    for (let count = 0; count < 3; count++) await askGateway(gateway)
    await gateway.settled()
    const fees = jobs.reduce((sum, { bundle }) => sum + bundle.receipt.fee, 0n)
    await provider.settle()
    assert.deepEqual(await user.pair(), { paid: 0n, owed: 0n, jobNonce: 0n, openClaims: 0 }, 'not before its time')
    const [first] = (await user.account()).unvouched
    await claimOverdue()
    assert.deepEqual(await user.pair(), { paid: fees, owed: fees, jobNonce: 2n, openClaims: 2 })
    await assert.rejects(claimAgain(jobs[0]!.bundle, first!.authorization), /JobNonceStale/)
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
    const users = events.map(({ args }) => (args as { user: Hex }).user.toLowerCase())
    assert.equal(users.filter((address) => address === user.address).length, 2)
    assert.ok(!users.includes(honest.address))
    assert.equal((await honest.account()).receipted, (await honest.account()).paid_on_chain)
    assert.ok((await honest.pair()).paid > 0n)
    assert.match(await net.env.metrics.render(), /weightless_compute_claims_paid_total 2/)
  })

  /** What a provider would send that claims by hand what it has claimed. */
  function claimAgain({ receipt, signature, opening }: Bundle, signed: UnvouchedJob['authorization']): Promise<void> {
    const { user, provider, requestHash, priceId, ...numbers } = signed.authorization
    const [jobNonce, maxFee, deadline] = [numbers.jobNonce, numbers.maxFee, numbers.deadline].map(BigInt)
    const words = {
      user: user as Hex,
      provider: provider as Hex,
      requestHash: requestHash as Hex,
      priceId: priceId as Hex,
    }
    const authorization = { ...words, jobNonce: jobNonce!, maxFee: maxFee!, deadline: deadline! }
    const { model, inputWeiPerToken, outputWeiPerToken, updatedAt } = opening.price
    const modelHash = keccak256(stringToHex(model))
    const price = { modelHash, inputPrice: inputWeiPerToken, outputPrice: outputWeiPerToken, updatedAt }
    const args = [authorization, signed.signature, receipt, signature, price] as const
    return net.ledgerOf(1).tryCall({ ...settlement, functionName: 'claim', args })
  }

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

  test('a gateway whose job was claimed goes on from there, and what was claimed it does not pay again', async () => {
    const user = await createDirectUser(net, provider, 2)
    const { job_nonce } = await user.account()
    const { bundle } = await user.ask(BigInt(job_nonce) + 1n)
    const before = await user.pair()
    await claimOverdue()
    assert.equal((await user.pair()).owed, before.owed + bundle.receipt.fee)
    // Without notes of its own: it has the provider's word, and the chain's.
    const gateway = await net.startGateway({ folder: 'gateway-later' })
    await askGateway(gateway)
    await gateway.settled()
    await provider.settle()
    const { receipted, vouched, unvouched, paid_on_chain } = await user.account()
    const { paid, owed } = await user.pair()
    assert.deepEqual([vouched, paid_on_chain, `${owed}`, `${paid}`], Array(4).fill(receipted))
    assert.deepEqual(unvouched, [])
    assert.ok(paid > before.paid + bundle.receipt.fee)
  })

  test('a provider that says more is owed than the chain does gets no voucher built on it', async () => {
    const user = await createDirectUser(net, provider, 2)
    const before = await user.account()
    const network = {
      ...net.env.network,
      async fetch(...call: Parameters<NodeEnv['network']['fetch']>) {
        const response = await net.env.network.fetch(...call)
        if (!String(call[0]).endsWith('/v1/account')) return response
        const account = (await response.json()) as { vouched: string }
        const vouched = `${BigInt(account.vouched) + 1n}`
        return { ...response, json: async () => ({ ...account, vouched, owed_on_chain: vouched }) }
      },
    }
    const gateway = await net.startGateway({ folder: 'gateway-deceived', env: { ...net.env, network } })
    await assert.rejects(askGateway(gateway), /AssertionError/)
    const { vouched, receipted } = await user.account()
    assert.deepEqual([vouched, receipted], [before.vouched, before.receipted])
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
      env: withClock(net.env),
      limits: { settleAgeMsMax: 50, claimAfterMs: 1_000 },
    })
    await thrifty.ready
    const user = await openUser(7, thrifty)
    await user.ask(1n)
    clockAheadMs += 2_000
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
      const jobs = [await user.ask(1n), await user.ask(2n)]
      const fees = jobs.reduce((sum, { bundle }) => sum + bundle.receipt.fee, 0n)
      // Each time as soon as the chain has a claim more: before the provider can have written it down.
      for (let open = 1; open <= jobs.length; open++) {
        await until(async () => (await user.pair()).openClaims >= open)
        await process.kill()
        ;({ url } = await process.start(port))
      }
      await afterWindow()
      await until(async () => (await user.pair()).openClaims === 0)
      assert.deepEqual(await user.pair(), { paid: fees, owed: fees, jobNonce: 2n, openClaims: 0 })
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
})
