/** kill -9 of a provider in the middle of answers: no receipt that a client heard of is lost, nothing is billed twice. */
import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Hex } from '@weightless/codec'
import { ephemeralTokenId, signSdkToken } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { type Bundle, readBundle } from '@weightless/receipt'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { createKillableProvider } from './killableProvider.ts'

const rounds = 2

test('a killed provider loses no receipt and bills nothing twice', async () => {
  const net = await startComputeNet()
  const dataFolder = await mkdtemp(join(tmpdir(), 'weightless-killed-'))
  const children = createKillableProvider(net.rpcUrl, dataFolder)
  try {
    let { url } = await children.start(0)
    const port = Number(new URL(url).port)
    await net.deposit(2, tokens(10))
    const gateway = await net.startGateway()
    const heard: string[] = []
    for (let round = 0; round < rounds; round++) {
      const asking = Promise.all(Array.from({ length: 5 }, () => askOnce(gateway.url, heard)))
      await new Promise((resolve) => setTimeout(resolve, 100 + 150 * round))
      await children.kill()
      await asking
      ;({ url } = await children.start(port))
    }
    // One whole answer at the end makes gateway and provider agree on all that was before.
    while (!(await askOnce(gateway.url, heard))) await new Promise((resolve) => setTimeout(resolve, 200))
    await gateway.settled()
    assert.ok(heard.length > 0 && heard.length < 5 * rounds + 1, `${heard.length} whole answers: nothing was cut off`)
    const bundles = await Promise.all(heard.map((id) => bundleOf(gateway.url, id)))
    const nonces = new Set(bundles.map(({ receipt }) => receipt.jobNonce))
    assert.equal(nonces.size, heard.length)
    const fees = bundles.reduce((sum, { receipt }) => sum + receipt.fee, 0n)
    const { paid, receipted } = await untilPaid(net, url)
    // Receipts of answers that were cut off at the very end may come on top; never less, never one of them twice.
    assert.ok(receipted >= fees, `${receipted} receipted, ${fees} heard of`)
    assert.equal(paid, receipted)
  } finally {
    await children.kill()
    await net.close()
    await rm(dataFolder, { recursive: true, force: true })
  }
})

/** Whether the whole answer arrived; its id is then in `heard`. */
async function askOnce(gatewayUrl: string, heard: string[]): Promise<boolean> {
  try {
    const answer = await fetch(`${gatewayUrl}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gatewayKey}` },
      body: JSON.stringify({
        model: 'tiny',
        messages: [{ role: 'user', content: 'Go on.' }],
        max_tokens: 60,
        stream: true,
      }),
    })
    const text = await answer.text()
    const complete = answer.status === 200 && text.endsWith('data: [DONE]\n\n')
    if (complete) heard.push(answer.headers.get('x-weightless-receipt')!)
    return complete
  } catch {
    // Cut off: exactly what killing does.
    return false
  }
}

async function bundleOf(gatewayUrl: string, id: string): Promise<Bundle> {
  const headers = { authorization: `Bearer ${gatewayKey}` }
  const answer = await fetch(`${gatewayUrl}/v1/receipts/${id}`, { headers })
  const read = readBundle(await answer.json())
  assert.ok(read.ok, `receipt ${id} is lost`)
  return read.value
}

/** The chain's sum once it is the provider's, or what the two are after a while. */
async function untilPaid(net: ComputeNet, providerUrl: string): Promise<{ paid: bigint; receipted: bigint }> {
  const [account, provider] = [net.accountOf(2), net.accountOf(1).address.toLowerCase() as Hex]
  const token = { address: account.address, provider, timestamp: Date.now(), expiresAt: 0, nonce: '1', generation: 0 }
  const headers = { authorization: `Bearer ${await signSdkToken({ ...token, tokenId: ephemeralTokenId }, account)}` }
  for (let attempt = 0; ; attempt++) {
    const state = (await (await fetch(`${providerUrl}/v1/account`, { headers })).json()) as { receipted: string }
    const [paid] = await net.ledgerOf(2).read({
      address: contracts.receiptSettlement,
      abi: abis.receiptSettlement,
      functionName: 'pairs',
      args: [account.address, provider],
    })
    const receipted = BigInt(state.receipted)
    if (paid === receipted || attempt === 100) return { paid, receipted }
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}
