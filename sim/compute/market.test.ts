/** An offer of a running provider is found by the SDK as the contract itself would match it. MARKET §4 */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Provider } from '@weightless/compute'
import { abis, addresses } from '@weightless/contracts'
import { findProviders } from '@weightless/sdk'
import { type ComputeNet, startComputeNet } from './computeNet.ts'

const nothing: Hex = `0x${'00'.repeat(32)}`
const anywhere: Hex = `0x${'00'.repeat(16)}`
const need = {
  ...{ serviceType: nothing, model: nothing, modelRoot: nothing, region: anywhere },
  ...{ inputPriceMax: 1_000n, outputPriceMax: 2_000n, inputTokens: 3, outputTokens: 1, toleranceBps: 0 },
  ...{ firstTokenMsMax: 0, tokensPerSecondMin: 0, concurrentSlotsMin: 0, measuredSince: 0n },
  // re-execution alone
  ...{ privacyMin: 0, checks: 2, auditedOnly: false, redundancy: 2 },
}
const market = { address: addresses.serviceMarket, abi: abis.serviceMarket } as const
let net: ComputeNet
let provider: Provider

describe('market on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider()
    await provider.ready
  })

  after(() => net.close())

  test('a provider that declares its offer is found, by the SDK and by the contract alike', async () => {
    const ledger = net.ledgerOf(1)
    const requester = net.accountOf(4).address
    assert.deepEqual((await findProviders(ledger, addresses.serviceMarket, need, { requester })).providers, [])
    const unmeasured = { tokensPerSecond: 0, concurrentSlots: 0, firstTokenMs: 0, measuredAt: 0n }
    const root: Hex = `0x${'11'.repeat(32)}`
    await ledger.submit({ ...market, functionName: 'declareOffer', args: [root, anywhere, 0, unmeasured] })
    const found = await findProviders(ledger, addresses.serviceMarket, need, { requester, count: 3 })
    assert.deepEqual(
      found.providers.map((address) => address.toLowerCase()),
      [provider.address],
    )
    const at = { ...market, blockNumber: found.blockNumber } as const
    const { hash } = await ledger.block(found.blockNumber)
    assert.equal(await ledger.read({ ...at, functionName: 'seedOf', args: [hash, requester, 3n] }), found.seed)
    assert.deepEqual(await ledger.read({ ...at, functionName: 'matchNeed', args: [need, found.seed] }), found.providers)
    const cheaper = { ...need, outputPriceMax: 1_999n }
    assert.deepEqual((await findProviders(ledger, addresses.serviceMarket, cheaper, { requester })).providers, [])
  })
})
