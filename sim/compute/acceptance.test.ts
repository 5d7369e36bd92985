/** What a provider accepted before a job is held against its receipt: by the gateway at once, and on chain by whoever reports it. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import { type Gateway, openTensorEngine } from '@weightless/compute'
import { acceptanceHeader } from '@weightless/compute/wire'
import { abis, addresses, genesis } from '@weightless/contracts'
import { findProvableFault, isAccepted } from '@weightless/receipt'
import { createClient } from '@weightless/sdk'
import { bendReceipts, type ReceiptCheat } from '../../packages/compute/scripts/bendReceipts.ts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'
import { createDirectUser } from './directUser.ts'

let net: ComputeNet
let gateway: Gateway
const place = { chainId: BigInt(genesis.chainId), settlement: contracts.receiptSettlement.toLowerCase() as Hex }

describe('an accepted job', () => {
  before(async () => {
    net = await startComputeNet()
    await net.deposit(2, tokens(100))
    gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
  })
  after(() => net.close())

  async function ask(provider: { address: Hex }, accept: string | undefined, stream = false) {
    const response = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${gatewayKey}`,
        'content-type': 'application/json',
        'x-0g-provider-address': provider.address,
        ...(accept !== undefined && { 'x-weightless-accept': accept }),
      },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Hi.' }], max_tokens: 4, stream }),
    })
    const text = await response.text()
    const id = response.headers.get('x-weightless-receipt') ?? ''
    // Whoever asks at once waits for it, and is shown the same bundle as later.
    const early = await fetch(`${gateway.url}/v1/receipts/${id}`, {
      headers: { authorization: `Bearer ${gatewayKey}` },
    })
    const bundle = (await early.json()) as { acceptance?: { signature: string } }
    if (early.ok) assert.equal(bundle.acceptance?.signature ?? null, response.headers.get(acceptanceHeader))
    await gateway.settled()
    return { status: response.status, text, acceptance: response.headers.get(acceptanceHeader), id }
  }

  const client = (account: number) =>
    createClient({
      config: {
        chain: { rpcUrl: net.rpcUrl, wsUrl: net.rpcUrl, chainId: genesis.chainId, accounts: [] },
        contracts: { ...addresses },
        storage: { indexerUrl: 'http://127.0.0.1:1', nodeUrls: [] },
        compute: { gatewayUrl: gateway.url, apiKey: gatewayKey, providers: [] },
      },
      env: net.env,
      account: net.accountOf(account),
    })

  const cheating = (cheat: ReceiptCheat, accountIndex: number) => {
    const network = bendReceipts(net.env.network, net.accountOf(accountIndex), cheat)
    return net.startProvider({ accountIndex, env: { ...net.env, network }, folder: cheat })
  }

  const stakeOf = (provider: Hex) => {
    const at = { address: contracts.inferenceServing, abi: abis.inferenceServing } as const
    return net.ledgerOf(2).read({ ...at, functionName: 'stakeOf', args: [provider] })
  }

  test('carries the signature in its head and in its bundle, if it was asked for, and shows no fault', async () => {
    const provider = await net.startProvider({ folder: 'honest' })
    await provider.ready
    for (const stream of [false, true]) {
      const { status, acceptance, id } = await ask(provider, '1', stream)
      assert.equal(status, 200)
      const bundle = await client(2).receipts.get(id)
      assert.equal(bundle.acceptance?.signature, acceptance)
      assert.ok(bundle.acceptance && isAccepted(bundle.acceptance, place))
      assert.equal(findProvableFault(bundle), undefined)
      await assert.rejects(client(2).receipts.report(bundle), /show no fault/)
    }
    const plain = await ask(provider, undefined)
    assert.deepEqual([plain.status, plain.acceptance], [200, null])
    assert.equal((await client(2).receipts.get(plain.id)).acceptance, undefined)
    assert.equal((await ask(provider, '2')).status, 400)
    await provider.close()
  })

  const cheats = [
    ['wrong-body', 'broken-acceptance', 3],
    ['late-answer', 'broken-acceptance', 4],
    ['false-bill', 'false-bill', 5],
  ] as const
  for (const [cheat, kind, index] of cheats) {
    test(`costs the provider half its stake after a ${cheat}, reported by the gateway's user`, async () => {
      const provider = await cheating(cheat, index)
      await provider.ready
      const before = await stakeOf(provider.address)
      assert.equal((await ask(provider, '1')).status, 200, 'the answer itself is there before its receipt')
      const [shown] = await client(2).receipts.faults()
      assert.deepEqual([shown?.kind, shown?.provider], [kind, provider.address])
      await assert.rejects(client(2).receipts.get(shown!.id), 'it was not paid and is no receipt of this key')
      const bundle = await client(2).receipts.faultBundle(shown!.id)
      const report = await client(6).receipts.report(bundle)
      assert.deepEqual([report.fault, report.slashedWei], [kind, before / 2n])
      assert.equal(report.toUserWei, ((before / 2n) * 40n) / 100n)
      assert.equal(await stakeOf(provider.address), before - before / 2n)
      await assert.rejects(client(6).receipts.report(bundle), /FaultCounted|counted/i)
      await provider.close()
    })
  }

  test('is answered by nobody who does not accept it', async () => {
    const provider = await cheating('no-acceptance', 7)
    await provider.ready
    const { status, text } = await ask(provider, '1')
    assert.equal(status, 502)
    assert.match(text, /did not accept/)
    assert.equal((await ask(provider, undefined)).status, 200)
    await provider.close()
  })

  test('uses its number up, whatever becomes of it, restarts included', async () => {
    let failures = 0
    const openEngine = async () => {
      const engine = await openTensorEngine({
        env: net.env,
        name: 'tiny',
        weights: new Uint8Array(await readFile(tinyModel)),
      })
      const start: typeof engine.start = async (job) => {
        if (failures++ === 0) throw new Error('the engine fails once')
        return engine.start(job)
      }
      return { ...engine, start }
    }
    const start = async (port: number) => {
      const provider = await net.startProvider({ accountIndex: 8, folder: 'numbers', port, openEngine })
      await provider.ready
      return provider
    }
    const first = await start(0)
    const user = await createDirectUser(net, first, 9)
    await net.deposit(9, tokens(10))
    await user.fund(tokens(1))
    const accept = { 'x-weightless-accept': '1' }
    assert.equal(await user.askUnder(1n, accept, 599), 401, 'too near an end')
    assert.equal(await user.askUnder(1n, { 'x-weightless-accept': 'yes' }), 400)
    assert.equal(await user.askUnder(1n, accept), 500)
    assert.equal(await user.askUnder(1n, accept), 409)
    assert.equal(await user.askUnder(1n, {}), 409)
    await first.close()
    const second = await start(Number(new URL(first.url).port))
    assert.equal(await user.askUnder(1n, {}), 409)
    assert.equal(await user.askUnder(2n, accept), 200)
    assert.equal(await user.askUnder(2n, accept), 409)
    const body = JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'x' }], max_tokens: 2 })
    const headers = { ...user.headers, ...accept }
    const unsigned = await fetch(`${second.url}/v1/chat/completions`, { method: 'POST', headers, body })
    assert.equal(unsigned.status, 401)
    await second.close()
  })
})
