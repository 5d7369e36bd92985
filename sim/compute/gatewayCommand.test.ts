/** `weightless gateway start` as its operator runs it: a process with an account, keys and a ledger of its own. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Hex } from '@weightless/codec'
import type { Provider } from '@weightless/compute'
import { abis } from '@weightless/contracts'
import { gatewayAccount } from '@weightless/node/computeGateway/runGateway'
import { type ComputeNet, contracts, startComputeNet, tokens } from './computeNet.ts'
import { createDataDir, startProcess } from './providerCommand.ts'

describe('weightless gateway start', () => {
  let net: ComputeNet
  let provider: Provider
  let dataDir: string
  let address: Hex
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider()
    await provider.ready
    dataDir = createDataDir(net, 'router')
    address = gatewayAccount(join(dataDir, 'own-gateway')).address
  })
  after(() => net.close())

  const start = (...words: string[]) =>
    startProcess(['--json', '--data-dir', dataDir, 'gateway', 'start', '--port', '0', '--log', 'silent', ...words])
  const keyIn = (name: string) => readFileSync(join(dataDir, 'own-gateway', name), 'utf8').trim()
  const ledgerWei = async () => {
    const at = { address: contracts.ledgerManager, abi: abis.ledgerManager } as const
    return (await net.ledgerOf(0).read({ ...at, functionName: 'getLedger', args: [address] })).totalBalance
  }
  const send = (url: string, path: string, key: string, body: object) =>
    fetch(`${url}${path}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const chat = { model: 'tiny', messages: [{ role: 'user', content: 'Hi' }], max_tokens: 4 }

  test('without money for the deposit it says how much is missing, and to whom it belongs', async () => {
    await assert.rejects(start('--deposit', '3'), (fault: Error) => {
      assert.match(fault.message, /node\/gateway-underfunded/)
      assert.ok(fault.message.toLowerCase().includes(address.toLowerCase()))
      return true
    })
  })

  test('it fills its ledger, serves its keys, pays for what was answered, and ends when answers have', async () => {
    await net.ledgerOf(0).submitRaw({ to: address, value: tokens(10) })
    const first = await start('--deposit', '3', '--cap', '2')
    assert.equal(await ledgerWei(), tokens(3))
    const answer = await send(first.url, '/v1/chat/completions', keyIn('api-key'), chat)
    assert.equal(answer.status, 200, await answer.text())
    const made = await send(first.url, '/v1/keys', keyIn('management-key'), { kind: 'inference', name: 'second' })
    const { key: secret } = (await made.json()) as { key: string }
    const streamed = await send(first.url, '/v1/chat/completions', secret, { ...chat, stream: true, max_tokens: 40 })
    // Asked to end in the middle of an answer.
    first.child.kill('SIGTERM')
    assert.match(await streamed.text(), /\[DONE\]\s*$/)
    const { code, stderr } = await first.ended
    assert.deepEqual([code, stderr], [0, ''])
    await provider.settle()
    assert.ok((await ledgerWei()) < tokens(3), 'the chain has paid the provider')

    const again = await start('--deposit', '3')
    assert.equal((await send(again.url, '/v1/chat/completions', secret, chat)).status, 200, 'keys outlive a restart')
    await again.kill()
  })

  test('wrong flags are refused with words of their own', async () => {
    await assert.rejects(start('--deposit', 'much'), /tokens are needed/)
    await assert.rejects(start('--network', join(dataDir, 'nowhere.json')), /nowhere\.json/)
  })
})
