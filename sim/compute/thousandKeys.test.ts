/** A thousand keys of five accounts ask at once: every bill is its own, and all sums agree to the wei, down to the chain. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { type Gateway, openUpstreamEngine, type Provider } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { type Bundle, readBundle } from '@weightless/receipt'
import { type ComputeNet, contracts, startComputeNet, tokens } from './computeNet.ts'
import { completion, type MockUpstream, sendJson, startMockUpstream, usage } from './mockUpstream.ts'

const payers = [2, 4, 5, 6, 7]
const managementKey = 'mk-weightless-thousand'
const keys = Array.from({ length: 1_000 }, (_, at) => `sk-thousand-${String(at).padStart(4, '0')}-0123456789`)
const placeOf = (at: number) => at % payers.length
/** Tokens that the answer to key `at` has; its text is as long, so that the provider believes it. */
const tokensOf = (at: number) => 1 + (at % 13)
const sum = (values: Iterable<bigint>) => [...values].reduce((total, value) => total + value, 0n)

describe('a thousand keys at once', () => {
  let net: ComputeNet
  let accounts: ReturnType<ComputeNet['accountOf']>[]
  let upstream: MockUpstream
  let provider: Provider
  let gateway: Gateway

  before(async () => {
    net = await startComputeNet()
    accounts = payers.map((index) => net.accountOf(index))
    upstream = await startMockUpstream()
    upstream.behave(({ json }, response) => {
      const [{ content }] = json.messages as [{ content: string }]
      const count = tokensOf(Number(/\d+/.exec(content)![0]))
      sendJson(response, completion('word'.repeat(count), usage(4, count)))
    })
    const openEngine = () =>
      openUpstreamEngine({ env: net.env, url: upstream.url, name: 'tiny', upstreamModel: 'mock', services: ['chat'] })
    const limits = { settleAgeMsMax: 100, waitingMax: 1_024, perUserMax: 256 }
    provider = await net.startProvider({ folder: 'upstream', openEngine, limits })
    await Promise.all([provider.ready, ...payers.map((payer) => net.deposit(payer, tokens(100)))])
    gateway = await net.startGateway({
      keys: keys.map((key, at) => ({ key, account: accounts[placeOf(at)]! })),
      managementKey,
      limits: { busyWaitMsMax: 600_000, answerWaitMsMax: 600_000 },
    })
  })
  after(async () => {
    await net.close()
    await upstream.close()
  })

  const read = async (path: string, key: string) => {
    const answer = await fetch(`${gateway.url}${path}`, { headers: { authorization: `Bearer ${key}` } })
    assert.equal(answer.status, 200, path)
    return answer.json()
  }

  async function ask(key: string, at: number): Promise<string> {
    const messages = [{ role: 'user', content: `Word number ${at}, please.` }]
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', messages, max_tokens: 16 }),
    })
    const text = await answer.text()
    assert.equal(answer.status, 200, text)
    assert.ok(text.includes(`"${'word'.repeat(tokensOf(at))}"`), 'it is the answer to this key')
    return answer.headers.get('x-weightless-receipt')!
  }

  const pairOf = async (place: number) => {
    const at = { address: contracts.receiptSettlement, abi: abis.receiptSettlement } as const
    const args = [accounts[place]!.address, provider.address] as const
    const [paid, owed] = await net.ledgerOf(0).read({ ...at, functionName: 'pairs', args })
    return { paid, owed }
  }

  test('each pays its own, in its receipt, its usage, its voucher and on the chain', async () => {
    const ids = await Promise.all(keys.map(ask))
    await gateway.settled()
    const bundles = await Promise.all(
      ids.map(async (id, at) => {
        const bundle = readBundle(await read(`/v1/receipts/${id}`, keys[at]!))
        assert.ok(bundle.ok)
        return bundle.value
      }),
    )
    const other = await fetch(`${gateway.url}/v1/receipts/${ids[0]}`, {
      headers: { authorization: `Bearer ${keys[5]}` },
    })
    assert.equal(other.status, 404, 'a receipt is shown to nobody else, not even to a key of the same account')

    for (const [at, { receipt }] of bundles.entries()) {
      assert.equal(receipt.user, accounts[placeOf(at)]!.address.toLowerCase())
      assert.equal(receipt.completionTokens, BigInt(tokensOf(at)))
      assert.equal(receipt.fee, receipt.promptTokens * 1_000n + receipt.completionTokens * 2_000n)
    }
    const numbers = new Set(bundles.map(({ receipt }) => `${receipt.user}/${receipt.jobNonce}`))
    assert.equal(numbers.size, keys.length, 'no number serves two jobs')

    const { data } = (await read('/v1/usage', managementKey)) as { data: { key_id: string; spent_wei: string }[] }
    assert.equal(new Set(data.map(({ key_id }) => key_id)).size, keys.length)
    const feeOf = (all: readonly Bundle[]) => sum(all.map(({ receipt }) => receipt.fee))
    assert.equal(sum(data.map(({ spent_wei }) => BigInt(spent_wei))), feeOf(bundles))
    await Promise.all(
      accounts.map((_, place) => checkPayer(place, feeOf(bundles.filter((_, at) => placeOf(at) === place)))),
    )
  })

  /** What was deposited is in the ledger, with the provider or paid, and paid is what the receipts say. */
  async function checkPayer(place: number, billed: bigint): Promise<void> {
    for (let attempt = 0; attempt < 300 && (await pairOf(place)).paid < billed; attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
    assert.deepEqual(await pairOf(place), { paid: billed, owed: billed })
    const account = (await read('/v1/account', keys[place]!)) as Record<string, string>
    assert.equal(account.held_wei, '0')
    const at = { address: contracts.ledgerManager, abi: abis.ledgerManager } as const
    const ledger = await net.ledgerOf(0).read({ ...at, functionName: 'getLedger', args: [accounts[place]!.address] })
    assert.equal(ledger.totalBalance + billed, tokens(100))
  }
})
