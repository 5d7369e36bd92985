/** What a key's budget keeps for a job whose provider is gone: nothing if it cannot have seen the request, the most it can cost if it may. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { after, before, describe, test } from 'node:test'
import type { Gateway, Provider } from '@weightless/compute'
import { type ComputeNet, gatewayKey, startComputeNet, tokens } from './computeNet.ts'

let net: ComputeNet
let gateway: Gateway
let provider: Provider
let cutter: Server | undefined

describe('a job whose provider is gone', () => {
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider()
    await Promise.all([provider.ready, net.deposit(2, tokens(100))])
    gateway = await net.startGateway()
  })
  after(async () => {
    cutter?.close()
    await net.close()
  })

  async function ask(): Promise<number> {
    const answer = await fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Count.' }], max_tokens: 3 }),
    })
    await answer.text()
    await gateway.settled()
    return answer.status
  }

  async function heldWei(): Promise<bigint> {
    const answer = await fetch(`${gateway.url}/v1/account`, { headers: { authorization: `Bearer ${gatewayKey}` } })
    return BigInt(((await answer.json()) as { held_wei: string }).held_wei)
  }

  test('a refused connection gives the money back at once', async () => {
    assert.equal(await ask(), 200)
    assert.equal(await heldWei(), 0n)
    await provider.close()
    assert.equal(await ask(), 502)
    assert.equal(await heldWei(), 0n)
  })

  test('a connection that is cut after the request may have been a job, and is kept for', async () => {
    cutter = createServer((socket) => socket.once('data', () => socket.destroy()))
    cutter.listen(Number(new URL(provider.url).port), '127.0.0.1')
    await once(cutter, 'listening')
    assert.equal(await ask(), 502)
    assert.ok((await heldWei()) > 0n)
  })
})
