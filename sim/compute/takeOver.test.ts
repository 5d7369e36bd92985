/** A provider upgraded under its key and port while it streams: real processes, no stream lost, no job answered or billed twice. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Gateway } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'
import { event, type MockUpstream, startMockUpstream, usage } from './mockUpstream.ts'
import { createProviderCommand, type ProviderCommand, type ProviderProcess } from './providerCommand.ts'

let net: ComputeNet
let upstream: MockUpstream
let gateway: Gateway
let command: ProviderCommand
let gate = Promise.withResolvers<void>()
const started: ProviderProcess[] = []

const feeWei = 9n * 100_000_000_000n + 4n * 400_000_000_000n
const delta = (content: string, finish: string | null = null) =>
  event({ object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })

describe('a provider that is upgraded while it streams', () => {
  before(async () => {
    net = await startComputeNet()
    upstream = await startMockUpstream()
    command = createProviderCommand(net, 'upgraded')
    await Promise.all([command.fund(), net.deposit(2, tokens(100))])
    gateway = await net.startGateway({ limits: { directoryAgeMsMax: 0 } })
    upstream.behave(async ({ json }, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(delta('one '))
      const { content } = (json.messages as { content: string }[])[0]!
      if (content.startsWith('slow')) await gate.promise
      response.end(`${delta('two', 'stop')}${event({ choices: [], usage: usage(9, 4) })}data: [DONE]\n\n`)
    })
  })
  after(async () => {
    gate.resolve()
    await Promise.all(started.map((each) => each.kill()))
    await upstream.close()
    await net.close()
  })

  async function start(...words: string[]): Promise<ProviderProcess> {
    const price = ['--price', '0.1/0.4', '--log', 'silent']
    const provider = await command.start('--upstream', upstream.url, '--model', 'mock', ...price, ...words)
    started.push(provider)
    return provider
  }

  const ask = (content: string) =>
    fetch(`${gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'mock', stream: true, messages: [{ role: 'user', content }], max_tokens: 8 }),
    })

  type Receipt = { jobNonce: string; fee: string }

  /** As the gateway keeps it, once it has it. */
  async function receiptOf(answer: Response): Promise<Receipt> {
    const id = answer.headers.get('x-weightless-receipt')
    for (let attempt = 0; attempt < 200; attempt++) {
      const found = await fetch(`${gateway.url}/v1/receipts/${id}`, {
        headers: { authorization: `Bearer ${gatewayKey}` },
      })
      if (found.ok) return ((await found.json()) as { receipt: Receipt }).receipt
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    throw new Error(`no receipt of ${id}`)
  }

  const whole = (text: string) => /one .*two.*\[DONE\]/s.test(text) && !text.includes('"error"')

  async function paidWei(): Promise<bigint> {
    const at = { address: contracts.receiptSettlement, abi: abis.receiptSettlement } as const
    const args = [net.accountOf(2).address, command.address] as const
    return (await net.ledgerOf(0).read({ ...at, functionName: 'pairs', args }))[0]
  }

  const pidOfOwner = () => Number(readFileSync(join(command.dataDir, 'provider', 'lock'), 'utf8').split(' ')[0])
  let billedWei = 0n

  test('streams of the old go to their end while the new answers on the same port, and all is paid once', async () => {
    const old = await start()
    const slow = await Promise.all(Array.from({ length: 6 }, (_, at) => ask(`slow ${at}`)))
    assert.deepEqual(new Set(slow.map(({ status }) => status)), new Set([200]))
    const quick: Response[] = []
    let isOver = false
    const askOn = async () => {
      while (!isOver) {
        const answer = await ask(`quick ${quick.length}`)
        quick.push(answer)
        const text = await answer.text()
        assert.ok(whole(text), `${answer.status} ${text}`)
      }
    }
    const traffic = Promise.all(Array.from({ length: 4 }, askOn))
    traffic.catch(() => {
      isOver = true
    })
    const next = await start('--take-over')
    assert.equal(next.url, old.url)
    assert.equal(pidOfOwner(), next.child.pid)
    const before = quick.length
    const enough = async () => {
      while (quick.length < before + 3 && !isOver) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    // What ends the traffic early is what went wrong.
    await Promise.race([traffic, enough()])
    isOver = true
    await traffic
    assert.equal(old.child.exitCode, null, 'its streams are not over')
    gate.resolve()
    for (const answer of slow) assert.ok(whole(await answer.text()))
    const { code, lines, stderr } = await old.ended
    assert.deepEqual([code, lines.at(-1)], [0, { type: 'moved', cutJobs: 0 }], stderr)
    const receipts = await Promise.all([...slow, ...quick].map(receiptOf))
    assert.equal(new Set(receipts.map(({ jobNonce }) => jobNonce)).size, slow.length + quick.length)
    billedWei = receipts.reduce((sum, { fee }) => sum + BigInt(fee), 0n)
    assert.equal(billedWei, BigInt(receipts.length) * feeWei)
    const status = JSON.parse((await command.run('status')).stdout)
    assert.equal(status.earnings.receipted_wei, billedWei.toString())
    await command.run('drain')
    assert.equal((await next.ended).code, 0)
    assert.equal(await paidWei(), billedWei)
  })

  test('the new one is killed: the old one’s stream still ends, its receipt is kept, and its number is nobody else’s', async () => {
    gate = Promise.withResolvers()
    const old = await start()
    const slow = await ask('slow again')
    assert.equal(slow.status, 200)
    const next = await start('--take-over')
    await next.kill()
    gate.resolve()
    assert.ok(whole(await slow.text()))
    assert.equal((await old.ended).code, 0)
    assert.ok(!existsSync(join(command.dataDir, 'provider', 'lock')))
    const third = await start('--take-over')
    const after = await ask('quick after')
    assert.ok(whole(await after.text()))
    const receipts = await Promise.all([slow, after].map(receiptOf))
    assert.equal(new Set(receipts.map(({ jobNonce }) => jobNonce)).size, 2)
    billedWei += 2n * feeWei
    await command.run('drain')
    assert.equal((await third.ended).code, 0)
    assert.equal(await paidWei(), billedWei)
  })

  test('a new one that does not come about leaves the old one at work; another port is refused', async () => {
    const old = await start()
    const { status } = await ask('quick')
    assert.equal(status, 200)
    const other = await command.run('start', '--take-over', '--port', '1', ...sold)
    assert.equal(codeOf(other.stdout), 'node/other-port')
    const { controlUrl } = JSON.parse(readFileSync(join(command.dataDir, 'provider', 'provider.json'), 'utf8'))
    assert.equal((await fetch(`${controlUrl}/handover`, { method: 'POST' })).status, 401)
    const headers = { authorization: `Bearer ${command.token()}` }
    const leaving = new AbortController()
    const begun = await fetch(`${controlUrl}/handover`, { method: 'POST', headers, signal: leaving.signal })
    assert.equal(begun.status, 200)
    const twice = await fetch(`${controlUrl}/handover`, { method: 'POST', headers })
    assert.equal(twice.status, 503)
    const waiting = ask('quick while undecided')
    leaving.abort()
    assert.ok(whole(await (await waiting).text()))
    assert.equal(pidOfOwner(), old.child.pid)
    old.child.kill('SIGTERM')
    assert.equal((await old.ended).code, 0)
  })

  const sold = ['--upstream', 'http://127.0.0.1:1', '--model', 'mock', '--price', '0.1/0.4']
  const codeOf = (stdout: string) => JSON.parse(stdout.trim().split('\n').at(-1)!).error.code
})
