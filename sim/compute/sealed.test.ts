/** Sealed chats through a real gateway: only provider and asker read them, everybody is paid, and nothing is opened that was changed. */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { type Hex, hexToBytes } from '@weightless/codec'
import type { Gateway, Provider } from '@weightless/compute'
import { abis, genesis } from '@weightless/contracts'
import { createStreamBinder, envelopeHash, type JsonObject, sealRequest, signedText } from '@weightless/envelope'
import { isBodyBundle, readBundle, verifyBundle } from '@weightless/receipt'
import { createClient } from '@weightless/sdk'
import { recoverMessageAddress } from 'viem'
import { type ComputeNet, contracts, gatewayKey, startComputeNet, tokens } from './computeNet.ts'

const secret = 'the password is heliotrope'
const chat = { model: 'tiny', messages: [{ role: 'user', content: secret }], max_tokens: 8, temperature: 0 }
const drawBytes = (length: number) => new Uint8Array(randomBytes(length))

let net: ComputeNet
let provider: Provider
let gateway: Gateway
let recipient: Uint8Array

const seal = (request: JsonObject, signer = provider.address) => sealRequest(request, { recipient, signer, drawBytes })
const ask = (body: object, headers: object = {}) =>
  fetch(`${gateway.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${gatewayKey}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })

async function checkPaid(id: string): Promise<void> {
  await gateway.settled()
  const headers = { authorization: `Bearer ${gatewayKey}` }
  const read = readBundle(await (await fetch(`${gateway.url}/v1/receipts/${id}`, { headers })).json())
  assert.ok(read.ok && isBodyBundle(read.value))
  assert.ok(read.value.receipt.completionTokens > 0n)
  const verdict = await verifyBundle(read.value, { loadWeights: () => Promise.reject(new Error('not needed')) })
  assert.ok(verdict.accepted)
}

async function checkSigned(id: string, text: string): Promise<void> {
  const signed = (await (await fetch(`${provider.url}/v1/signature/${id}`)).json()) as { text: string; signature: Hex }
  assert.equal(signed.text, text)
  const signer = await recoverMessageAddress({ message: signed.text, signature: signed.signature })
  assert.equal(signer.toLowerCase(), provider.address)
}

describe('sealed chats', () => {
  before(async () => {
    net = await startComputeNet()
    provider = await net.startProvider()
    await provider.ready
    await net.deposit(2, tokens(20))
    gateway = await net.startGateway()
    const at = { address: contracts.inferenceServing, abi: abis.inferenceServing } as const
    const service = await net.ledgerOf(2).read({ ...at, functionName: 'getService', args: [provider.address] })
    recipient = hexToBytes(
      (JSON.parse(service.additionalInfo) as { weightless: { encryptionKey: Hex } }).weightless.encryptionKey,
    )
  })
  after(() => net.close())

  test('a whole answer: opened by the asker alone, signed over what travelled, paid', async () => {
    const { envelope, reply } = await seal(chat)
    const answer = await ask(envelope)
    assert.equal(answer.status, 200, await answer.clone().text())
    const frame = (await answer.json()) as JsonObject
    assert.equal(frame.choices, undefined)
    const opened = (await reply.open(frame)) as { choices: { message: { content: string } }[]; usage: object }
    assert.ok(reply.isWhole())
    const plain = (await (await ask(chat)).json()) as typeof opened
    assert.equal(opened.choices[0]!.message.content, plain.choices[0]!.message.content)
    assert.deepEqual(opened.usage, plain.usage)
    const id = answer.headers.get('x-weightless-receipt')!
    await checkPaid(id)
    await checkSigned(id, signedText(envelopeHash(envelope), frame))
  })

  test('a stream: every event is sealed, and its end is told', async () => {
    const { envelope, reply } = await seal({ ...chat, stream: true, stream_options: { include_usage: true } })
    const answer = await ask(envelope)
    assert.equal(answer.status, 200)
    const events = (await answer.text()).split('\n\n').filter((event) => event !== '')
    assert.equal(events.pop(), 'data: [DONE]')
    const binder = createStreamBinder(envelopeHash(envelope))
    let text = ''
    for (const event of events) {
      const frame = JSON.parse(event.slice('data: '.length)) as JsonObject
      assert.equal(frame.choices, undefined)
      binder.add(frame)
      const opened = (await reply.open(frame)) as { choices: { delta?: { content?: string } }[] }
      text += opened.choices[0]?.delta?.content ?? ''
    }
    assert.ok(reply.isWhole())
    assert.ok(text.length > 0)
    const id = answer.headers.get('x-weightless-receipt')!
    await checkPaid(id)
    await checkSigned(id, binder.text())
  })

  test('nothing of what was asked or answered is on any disk', async () => {
    const { envelope, reply } = await seal({ ...chat, messages: [{ role: 'user', content: 'only sealed: jacaranda' }] })
    const answer = await ask(envelope)
    const opened = (await reply.open((await answer.json()) as JsonObject)) as {
      choices: { message: { content: string } }[]
    }
    await checkPaid(answer.headers.get('x-weightless-receipt')!)
    const said = JSON.stringify(opened.choices[0]!.message.content).slice(1, -1)
    const folder = net.folder
    for (const name of await readdir(folder, { recursive: true })) {
      const bytes = await readFile(join(folder, name)).catch(() => undefined)
      assert.ok(!bytes?.includes('jacaranda'), name)
      if (said.length > 8) assert.ok(!bytes?.includes(said), name)
    }
  })

  test('what was changed, is for somebody else, or cannot be bounded goes nowhere', async () => {
    const { envelope } = await seal(chat)
    const changed = await ask({ ...envelope, temperature: 1 })
    assert.equal(changed.status, 400)
    assert.match(await changed.text(), /seal is broken/)
    const { max_tokens: _, ...unbounded } = chat
    const stranger: Hex = `0x${'ab'.repeat(20)}`
    for (const body of [
      (await seal(chat, stranger)).envelope,
      (await seal(unbounded)).envelope,
      { ...chat, _e2ee: {} },
    ]) {
      const refused = await ask(body)
      assert.equal(refused.status, 503, await refused.clone().text())
      assert.match(await refused.text(), /no_available_provider/)
    }
  })

  test('the SDK seals to the key on the chain and opens what comes back', async () => {
    const config = {
      chain: { rpcUrl: net.rpcUrl, wsUrl: net.rpcUrl, chainId: genesis.chainId, accounts: [] },
      contracts,
      storage: { indexerUrl: net.rpcUrl, nodeUrls: [] },
      compute: { gatewayUrl: gateway.url, apiKey: gatewayKey, providers: [] },
    }
    const client = createClient({ config, env: net.env })
    const request = {
      model: 'tiny',
      messages: [{ role: 'user', content: secret }],
      maxTokens: 8,
      temperature: 0,
    } as const
    const sealed = await client.chat.complete({ ...request, private: true })
    const plain = await client.chat.complete(request)
    assert.equal(sealed.text, plain.text)
    assert.deepEqual(sealed.usage, plain.usage)
    const nobody = { ...request, private: true, provider: `0x${'ab'.repeat(20)}` } as const
    await assert.rejects(client.chat.complete(nobody), /takes sealed requests/)
  })

  test('private mode sends nothing in the clear, and what is sealed goes on', async () => {
    const isPrivate = { 'x-0g-provider-trust-mode': 'private' }
    const clear = await ask(chat, isPrivate)
    assert.equal(clear.status, 503)
    assert.match(await clear.text(), /Only sealed requests are private/)
    assert.equal((await ask((await seal(chat)).envelope, isPrivate)).status, 200)
  })
})
