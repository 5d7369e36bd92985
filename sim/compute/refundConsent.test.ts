/** A provider signs a user's money back at once when nothing is owed, and only then; meanwhile it takes no job of hers. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Provider } from '@weightless/compute'
import { addresses, genesis } from '@weightless/contracts'
import { createNodeEnv } from '@weightless/env/node'
import { createClient, RefundRefusedError } from '@weightless/sdk'
import { type ComputeNet, startComputeNet, tokens } from './computeNet.ts'
import { createDirectUser } from './directUser.ts'

const prices = { inputWeiPerToken: 10n ** 12n, outputWeiPerToken: 2n * 10n ** 12n }

let net: ComputeNet
let provider: Provider

describe('instant refunds on a whole network', () => {
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider({ ...prices, limits: { settleAgeMsMax: 50, claimAfterMs: 600_000 } })
    await provider.ready
    await Promise.all([4, 5, 6].map((index) => net.deposit(index, tokens(10))))
  })

  after(() => net.close())

  const clientOf = (index: number) =>
    createClient({
      env: net.env,
      account: net.accountOf(index),
      config: {
        chain: { rpcUrl: net.rpcUrl, wsUrl: '', chainId: genesis.chainId, accounts: [] },
        contracts: addresses,
        storage: { indexerUrl: '', nodeUrls: [] },
        compute: { gatewayUrl: '', providers: [] },
      },
    })

  test('what is set aside comes back at once, and jobs are refused until the consent has run out', async () => {
    const user = await createDirectUser(net, provider, 4)
    const client = clientOf(4)
    await user.fund(tokens(1))
    await client.account.retrieveNow(provider.address)
    assert.equal(await user.balance(), 0n)
    const { ledger } = await client.account.balance()
    assert.deepEqual(ledger, { totalWei: tokens(10), availableWei: tokens(10) })
    await user.fund(tokens(1))
    assert.equal(await user.askPlainly(0), 409)
    await client.account.retrieveNow(provider.address)
    assert.equal(await user.balance(), 0n)
  })

  test('an answer that waits for its voucher is paid first', async () => {
    const user = await createDirectUser(net, provider, 5)
    const client = clientOf(5)
    await user.fund(tokens(1))
    const { receiptHash } = await user.ask(1n)
    await assert.rejects(client.account.retrieveNow(provider.address), (fault) => {
      assert.ok(fault instanceof RefundRefusedError)
      return /voucher/.test(fault.message)
    })
    assert.equal(await user.balance(), tokens(1))
    const { receipts_root: root, receipted } = await user.account()
    const sum = { cumulativeFee: BigInt(receipted), jobNonce: 1n, receipts: [receiptHash], root }
    assert.equal(await user.pay(sum), 200)
    await client.account.retrieveNow(provider.address)
    assert.equal(await user.balance(), 0n)
    assert.equal((await user.pair()).paid, BigInt(receipted))
  })

  test('a restart forgets no consent', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'weightless-consent-'))
    const env = createNodeEnv({ dataFolder: folder, log: 'silent' })
    try {
      const start = () => net.startProvider({ ...prices, env, accountIndex: 7, limits: { settleAgeMsMax: 50 } })
      const first = await start()
      await first.ready
      const user = await createDirectUser(net, first, 6)
      await user.fund(tokens(1))
      const asked = await fetch(`${first.url}/v1/refund-consent`, { method: 'POST', headers: user.headers })
      assert.equal(asked.status, 200)
      const stranger = await fetch(`${first.url}/v1/refund-consent`, { method: 'POST' })
      assert.equal(stranger.status, 401)
      await first.close()
      const second = await start()
      await second.ready
      assert.equal(await (await createDirectUser(net, second, 6)).askPlainly(0), 409)
      await second.close()
    } finally {
      await env.close()
      await rm(folder, { recursive: true, force: true })
    }
  })
})
