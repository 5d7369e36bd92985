/** Running providers declare what they sell and how fast it was measured; SDK and contract match the same ones. MARKET §2 to §4 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Provider } from '@weightless/compute'
import { abis, addresses } from '@weightless/contracts'
import { createClient, findProviders, readNetworkConfig } from '@weightless/sdk'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'

const market = { address: addresses.serviceMarket, abi: abis.serviceMarket } as const
const withMarket = { ...contracts, serviceMarket: addresses.serviceMarket }
let net: ComputeNet
let cheap: Provider
let dear: Provider

describe('market on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    const shared = {
      contracts: withMarket,
      limits: { settleAgeMsMax: 100, measureIdleMs: 100, renewOfferMs: 200 },
      region: 'here',
    }
    cheap = await net.startProvider({ ...shared, folder: 'cheap' })
    dear = await net.startProvider({ ...shared, folder: 'dear', accountIndex: 3, outputWeiPerToken: 3_000n })
    await Promise.all([cheap.ready, dear.ready])
  })

  after(() => net.close())

  function clientOf(index: number) {
    const config = readNetworkConfig({
      chain: { rpcUrl: net.rpcUrl, wsUrl: '', chainId: 31_337, accounts: [] },
      contracts: { ...addresses },
      storage: { indexerUrl: 'http://127.0.0.1:9', nodeUrls: [] },
      compute: { gatewayUrl: 'http://127.0.0.1:9', providers: [] },
    })
    assert.ok(config.ok)
    return createClient({ config: config.value, env: net.env, account: net.accountOf(index) })
  }

  const lower = (addresses: readonly Hex[]) => addresses.map((address) => address.toLowerCase())

  /** Offers come when they are mined, and measurements when a provider is idle. */
  async function until<Value>(read: () => Promise<Value | undefined>): Promise<Value> {
    for (let attempt = 0; attempt < 400; attempt++) {
      const value = await read()
      if (value !== undefined) return value
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('nothing was declared')
  }

  test('both are found as soon as they are open, measured a moment later, by SDK and contract alike', async () => {
    const client = clientOf(4)
    const wanted = { model: 'tiny', region: 'here', checks: 2, privacyMin: 1, redundancy: 2 }
    const measured = { ...wanted, concurrentSlotsMin: 8, tokensPerSecondMin: 1, firstTokenMsMax: 60_000 }
    const found = await until(async () => {
      const match = await client.market.find(measured, 3)
      return match.providers.length === 2 ? match : undefined
    })
    assert.deepEqual(lower(found.providers), [cheap.address, dear.address])
    for (const candidate of found.candidates) {
      assert.ok(candidate.tokensPerSecond > 0 && candidate.firstTokenMs > 0 && candidate.measuredAt > 0n)
      assert.deepEqual([candidate.concurrentSlots, candidate.check, candidate.isAudited], [8, 1, false])
    }
    const at = { ...market, blockNumber: found.blockNumber } as const
    const { hash } = await client.ledger.block(found.blockNumber)
    const requester = net.accountOf(4).address
    assert.equal(await client.ledger.read({ ...at, functionName: 'seedOf', args: [hash, requester, 3n] }), found.seed)
    assert.deepEqual(lower((await client.market.find({ ...wanted, outputPriceMax: 2_000n })).providers), [
      cheap.address,
    ])
    assert.deepEqual((await client.market.find({ ...wanted, region: 'elsewhere' })).providers, [])
    assert.deepEqual((await client.market.find({ ...wanted, model: 'another' })).providers, [])
    await assert.rejects(client.market.find({ region: 'a'.repeat(17) }), { code: 'contracts/region-too-long' })
    const again = await findProviders(client.ledger, addresses.serviceMarket, needOfAll, { requester })
    const args = [needOfAll, again.seed] as const
    const byContract = await client.ledger.read({
      ...market,
      blockNumber: again.blockNumber,
      functionName: 'matchNeed',
      args,
    })
    assert.deepEqual(byContract, again.providers)
  })

  test('a gateway asks in the order of the match, and anybody makes it again from its header', async () => {
    await net.deposit(2, tokens(100))
    const gateway = await net.startGateway({ contracts: withMarket, managementKey: 'mk-test', folder: 'matched' })
    const post = (path: string, key: string, body: unknown) =>
      fetch(`${gateway.url}${path}`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      })
    const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Count.' }], max_tokens: 2 }
    const ask = (provider: unknown, key = gatewayKey) => post('/v1/chat/completions', key, { ...chat, provider })
    const { market } = clientOf(4)
    for (const need of [{ region: 'here' }, { tolerance_bps: 60_000, checks: ['reexecution'], min_slots: 1 }]) {
      const answer = await ask({ need })
      assert.equal(answer.status, 200, await answer.clone().text())
      const { providers, statement } = await market.remake(answer.headers.get('x-weightless-match')!)
      assert.equal(providers[0]!.length, 2)
      assert.equal(answer.headers.get('x-0g-provider-address'), providers[0]![0])
      assert.deepEqual([statement.requester, statement.skipped], [net.accountOf(2).address.toLowerCase(), []])
      assert.equal(JSON.parse(answer.headers.get('x-0g-trace')!).sort, 'market')
      await answer.text()
    }
    const elsewhere = await ask({ need: { region: 'elsewhere' } })
    assert.equal(elsewhere.status, 503)
    const header = elsewhere.headers.get('x-weightless-match')!
    assert.deepEqual((await market.remake(header)).providers, [[]])
    const { block_hash, ...said } = JSON.parse(header)
    await assert.rejects(market.remake(JSON.stringify({ ...said, block_hash: `0x${'00'.repeat(32)}` })), {
      code: 'sdk/match-foreign',
    })
    await assert.rejects(market.remake('{}'), { code: 'sdk/match-unreadable' })
    // A key's need holds for each of its requests, and over a restart.
    const { key } = (await (
      await post('/v1/keys', 'mk-test', { need: { max_price: { completion: 2_000 } } })
    ).json()) as {
      key: string
    }
    assert.equal((await ask({ sort: 'price' }, key)).status, 400)
    assert.equal((await ask({ only: [dear.address] }, key)).status, 503)
    assert.equal((await ask(undefined, key)).headers.get('x-0g-provider-address'), cheap.address.toLowerCase())
    await gateway.close()
  })

  test('who goes without a word is found no more when its lease is over; who is there renews it', async () => {
    const { market } = clientOf(4)
    const find = async () => lower((await market.find({ model: 'tiny', redundancy: 3 })).providers)
    const gone = await net.startProvider({ contracts: withMarket, folder: 'gone', accountIndex: 5 })
    await gone.ready
    await until(async () => ((await find()).length === 3 ? true : undefined))
    // As a kill would, this leaves the offer where it stands.
    await gone.close()
    assert.ok((await find()).includes(gone.address))
    const { rpc } = net.ledgerOf(0)
    await rpc.request('evm_increaseTime', [31 * 60])
    await rpc.request('evm_mine', [])
    assert.ok(!(await find()).includes(gone.address))
    await until(async () => ((await find()).length === 2 ? true : undefined))
    assert.deepEqual(await find(), [cheap.address, dear.address])
  })

  test('a drained provider takes its offer off the market', async () => {
    await dear.drain()
    assert.deepEqual(lower((await clientOf(4).market.find({ model: 'tiny', redundancy: 2 })).providers), [
      cheap.address,
    ])
  })
})

const nothing: Hex = `0x${'00'.repeat(32)}`
const needOfAll = {
  ...{ serviceType: nothing, model: nothing, modelRoot: nothing, region: `0x${'00'.repeat(16)}` as Hex },
  ...{ inputPriceMax: 1n << 100n, outputPriceMax: 1n << 100n, inputTokens: 3, outputTokens: 1, toleranceBps: 0 },
  ...{ firstTokenMsMax: 0, tokensPerSecondMin: 0, concurrentSlotsMin: 0, measuredSince: 0n },
  ...{ privacyMin: 0, checks: 0, auditedOnly: false, redundancy: 2 },
}
