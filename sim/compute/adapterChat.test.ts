/** An adapter answers the account that had it trained, with a receipt that names the adapted model, and nobody else. FINETUNING §10 */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { bytesToHex, type Hex } from '@weightless/codec'
import { openTensorEngine } from '@weightless/compute'
import { createAdapterShelf } from '@weightless/compute/finetune/adapterShelf'
import { genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { checkBundle } from '@weightless/receipt/checkBundle'
import { adapterModel, type ChatEvent, matchBundle, ProviderRefusedError } from '@weightless/sdk'
import { adaptedModelRoot, openLoraTrainer } from '@weightless/tensor'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tinyModel, tokens } from './computeNet.ts'

const taskId = '7d9f4c2e-1b1d-4b6e-9a53-0c8f6a1d2e3f'
const messages = [{ role: 'user', content: 'What is behind door two?' }] as const

test('the SDK talks to an adapter under its owner’s token, and has the receipt', async (t) => {
  const net = await startComputeNet()
  t.after(() => net.close())
  const weights = new Uint8Array(await readFile(tinyModel))
  const adapter = await trainAdapter(weights.slice())
  const shelf = createAdapterShelf(async ({ name, adapter: read }) =>
    openTensorEngine({ env: net.env, name, weights: weights.slice(), adapter: await read() }),
  )
  t.after(() => shelf.close())
  const provider = await net.startProvider({ adapters: shelf })
  await provider.ready
  const model = adapterModel('tiny', taskId)
  const owner = net.accountOf(3).address.toLowerCase() as Hex
  shelf.add({ name: model, taskId, user: owner, adapter: async () => adapter })
  const { address } = provider
  const chat = { provider: address, model, messages, maxTokens: 8 }

  const client = clientOf(net, 3)
  await assert.rejects(read(client.fineTuning.chat(chat)), (fault) => isRefused(fault, 402))
  for (const index of [3, 4]) {
    const { account } = clientOf(net, index)
    await account.deposit(tokens(5))
    await account.fundProvider(address, tokens(1))
  }
  await assert.rejects(read(clientOf(net, 4).fineTuning.chat(chat)), (fault) => isRefused(fault, 404))

  const events = await read(client.fineTuning.chat(chat))
  const [first] = events
  const end = events.at(-1)
  assert.ok(first?.type === 'receipt' && end?.type === 'end')
  assert.equal(end.receiptId, first.receiptId)
  const text = events.map((event) => (event.type === 'text' ? event.text : '')).join('')
  const bundle = await client.fineTuning.receipt(address, first.receiptId)
  assert.ok(matchBundle(bundle, { messages, text }))
  const adaptedRoot = adaptedModelRoot(bytesToHex(fileRoot(weights)), bytesToHex(fileRoot(adapter)))
  assert.equal(bundle.receipt.modelRoot, adaptedRoot)
  assert.deepEqual(end.usage, {
    promptTokens: Number(bundle.receipt.promptTokens),
    completionTokens: Number(bundle.receipt.completionTokens),
  })
  assert.equal(
    await checkBundle(bundle, { chainId: BigInt(genesis.chainId), user: owner, provider: address }),
    undefined,
  )
  await assert.rejects(clientOf(net, 4).fineTuning.receipt(address, first.receiptId), (fault) => isRefused(fault, 404))
})

const isRefused = (fault: unknown, status: number): boolean =>
  fault instanceof ProviderRefusedError && fault.status === status

async function read(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

async function trainAdapter(weights: Uint8Array): Promise<Uint8Array> {
  const trainer = await openLoraTrainer(weights, { seed32: new Uint8Array(32).fill(7), rank: 2, learningRate: 0.05 })
  trainer.step([{ tokens: [1, 2, 3, 4, 5], mask: [0, 0, 1, 1, 1] }])
  return trainer.exportAdapter()
}
