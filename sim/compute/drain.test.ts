/** A provider that drains: its users go to another one, its streams end, what nobody signed for is claimed. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import type { Gateway, Provider } from '@weightless/compute'
import { type ComputeNet, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { createDirectUser } from './directUser.ts'

let net: ComputeNet
let gateway: Gateway

describe('a provider that drains', () => {
  before(async () => {
    net = await startComputeNet()
    await Promise.all([2, 4].map((index) => net.deposit(index, tokens(10))))
    gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
  })
  after(() => net.close())

  const ask = (body: object) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'tiny', messages: [{ role: 'user', content: 'Count.' }], ...body }),
    })

  const answererOf = (answer: Response) => answer.headers.get('x-0g-provider-address')

  async function beginStream(provider: Provider) {
    const answer = await ask({ stream: true, max_tokens: 400, provider: { order: [provider.address] } })
    assert.equal(answererOf(answer), provider.address)
    return answer
  }

  test('a gateway asks another one before the first token, and the stream goes to its end', async () => {
    const first = await net.startProvider({ folder: 'first' })
    const second = await net.startProvider({ folder: 'second', accountIndex: 3, outputWeiPerToken: 9_000n })
    await Promise.all([first.ready, second.ready])
    const stream = await beginStream(first)
    const draining = first.drain()
    const elsewhere = await ask({ max_tokens: 4, provider: { order: [first.address] } })
    assert.equal(elsewhere.status, 200)
    assert.equal(answererOf(elsewhere), second.address)
    assert.match(await stream.text(), /"finish_reason":"(stop|length)".*\[DONE\]/s)
    assert.deepEqual(await draining, { cutJobs: 0, unsettledWei: 0n, unvouchedJobs: 0, openClaims: 0 })
    await Promise.all([first.close(), second.close()])
  })

  test('what a user did not sign for is claimed at once, if it is worth its gas', async () => {
    const prices = { inputWeiPerToken: 10n ** 14n, outputWeiPerToken: 2n * 10n ** 14n }
    const provider = await net.startProvider({ ...prices, folder: 'claiming', accountIndex: 5 })
    await provider.ready
    const user = await createDirectUser(net, provider, 4)
    await user.fund(tokens(1))
    await user.ask(1n)
    const { unvouchedJobs, openClaims, cutJobs } = await provider.drain({ voucherMs: 0 })
    assert.deepEqual({ unvouchedJobs, openClaims, cutJobs }, { unvouchedJobs: 0, openClaims: 1, cutJobs: 0 })
    await provider.close()
  })
})
