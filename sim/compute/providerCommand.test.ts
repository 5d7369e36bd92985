/** `weightless provider start`, `status` and `drain` as processes: too little money, the first sale, the operator's view, an orderly end. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Gateway } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tinyModel, tokens } from './computeNet.ts'
import { event, type MockUpstream, startMockUpstream, usage } from './mockUpstream.ts'
import { createProviderCommand, type ProviderCommand, type ProviderProcess } from './providerCommand.ts'

let net: ComputeNet
let upstream: MockUpstream
let gateway: Gateway
let command: ProviderCommand
const running: ProviderProcess[] = []

const messages = [{ role: 'user', content: 'Count.' }]
const delta = (content: string, finish: string | null = null) =>
  event({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })

describe('weightless provider', () => {
  before(async () => {
    net = await startComputeNet()
    upstream = await startMockUpstream()
    command = createProviderCommand(net, 'operator')
    await Promise.all([command.fund(), net.deposit(2, tokens(100))])
    gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
  })
  after(async () => {
    await Promise.all(running.map((each) => each.kill()))
    await upstream.close()
    await net.close()
  })

  const price = ['--price', '0.1/0.4']
  const sells = () => ['--upstream', upstream.url, '--model', 'mock', ...price, '--log', 'silent']

  function ask(body: object, at = gateway.url, key: string = gatewayKey): Promise<Response> {
    return fetch(`${at}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'mock', messages, max_tokens: 8, ...body }),
    })
  }

  test('an account without the stake is told what it lacks', async () => {
    const poor = createProviderCommand(net, 'poor')
    const { code, stdout } = await poor.run('start', ...sells())
    const { error } = JSON.parse(stdout.trim().split('\n').at(-1)!) as { error: { code: string; message: string } }
    assert.deepEqual([code, error.code], [1, 'compute/provider-underfunded'])
    assert.match(error.message, new RegExp(`${await minStake()}`))
  })

  test('it sells, tells its operator alone how it goes, drains, and leaves nothing unpaid', async () => {
    const provider = await command.start(...sells(), '--region', 'here')
    running.push(provider)
    upstream.behave(async (_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(delta('one '))
      await gate.promise
      response.end(`${delta('two', 'stop')}${event({ choices: [], usage: usage(9, 4) })}data: [DONE]\n\n`)
    })
    const gate = Promise.withResolvers<void>()
    const stream = await ask({ stream: true })
    assert.equal(stream.status, 200)
    const status = JSON.parse((await command.run('status')).stdout)
    assert.deepEqual(
      [
        status.state,
        status.model,
        status.engine,
        status.jobs.running,
        status.pricing.completion,
        status.chain.stake_wei,
      ],
      ['serving', 'mock', 'upstream', 1, '400000000000', String(await minStake())],
    )
    assert.equal(status.latency.first_token.samples, 1)
    await onlyForTheOperator(provider.url)
    const drained = command.run('drain')
    const refused = await untilRefused(provider.url)
    assert.deepEqual([refused.status, refused.code, refused.retryAfter], [503, 'provider_draining', '30'])
    gate.resolve()
    assert.match(await stream.text(), /two.*\[DONE\]/s)
    const { code, lines, stderr } = await provider.ended
    assert.equal(code, 0, stderr)
    const end = lines.find(({ type }) => type === 'drained')
    assert.deepEqual(end, { type: 'drained', cutJobs: 0, unsettledWei: '0', unvouchedJobs: 0, openClaims: 0 })
    assert.equal((await drained).code, 0)
    const fee = 9n * 100_000_000_000n + 4n * 400_000_000_000n
    const at = { address: contracts.receiptSettlement, abi: abis.receiptSettlement } as const
    const args = [net.accountOf(2).address, command.address] as const
    const [paid] = await net.ledgerOf(0).read({ ...at, functionName: 'pairs', args })
    assert.equal(paid, fee)
  })

  const minStake = () =>
    net.ledgerOf(0).read({
      address: contracts.inferenceServing,
      abi: abis.inferenceServing,
      functionName: 'MIN_PROVIDER_STAKE',
    })

  async function onlyForTheOperator(url: string): Promise<void> {
    const bearer = { authorization: `Bearer ${command.token()}` }
    const metrics = await (await fetch(`${url}/metrics`, { headers: bearer })).text()
    assert.match(metrics, /^weightless_compute_running_jobs 1$/m)
    const board = readFileSync(new URL('../../docs/providerBoard.json', import.meta.url), 'utf8')
    for (const [name] of board.matchAll(/weightless_\w+/g)) assert.ok(metrics.includes(`\n${name}`), `${name} is shown`)
    for (const path of ['/v1/status', '/metrics']) {
      assert.equal((await fetch(url + path)).status, 401)
      assert.equal((await fetch(url + path, { headers: { authorization: `Bearer ${gatewayKey}` } })).status, 401)
      assert.equal((await fetch(url + path, { method: 'DELETE', headers: bearer })).status, 405)
    }
    assert.equal((await fetch(`${url}/v1/drain`, { method: 'POST' })).status, 401)
    const late = await fetch(`${url}/v1/drain?deadline_seconds=x`, { method: 'POST', headers: bearer })
    assert.equal(late.status, 400)
  }

  /** Straight at the provider, as a gateway would: refused before anything else is looked at. */
  async function untilRefused(url: string) {
    for (let attempt = 0; attempt < 100; attempt++) {
      const answer = await ask({}, url, 'nobody')
      const { error } = (await answer.json()) as { error: { code: string } }
      if (error.code !== 'invalid_api_key') {
        return { status: answer.status, code: error.code, retryAfter: answer.headers.get('retry-after') }
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error('it went on taking jobs')
  }

  test('SIGTERM drains too, and the embedded engine is sold by the same command', async () => {
    const words = ['--weights', fileURLToPath(tinyModel), '--model', 'tiny-sold', ...price, '--log', 'silent']
    const provider = await command.start(...words)
    running.push(provider)
    const stream = await ask({ model: 'tiny-sold', stream: true, max_tokens: 200 })
    assert.equal(stream.status, 200, await (stream.ok ? '' : stream.text()))
    provider.child.kill('SIGTERM')
    assert.match(await stream.text(), /"finish_reason":"(length|stop)".*\[DONE\]/s)
    const { code, lines } = await provider.ended
    assert.equal(code, 0)
    const end = lines.find(({ type }) => type === 'drained')
    assert.deepEqual(end, { type: 'drained', cutJobs: 0, unsettledWei: '0', unvouchedJobs: 0, openClaims: 0 })
  })
})
