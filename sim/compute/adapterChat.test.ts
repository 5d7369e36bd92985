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
import {
  AdapterUnjudgedError,
  adapterModel,
  type ChatEvent,
  judgeVerdict,
  matchBundle,
  ProviderRefusedError,
  parseVerdictFile,
  verdictFileToJson,
} from '@weightless/sdk'
import { adaptedModelRoot, bytesSource, openLoraTrainer } from '@weightless/tensor'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tinyModel, tokens } from './computeNet.ts'

const taskId = '7d9f4c2e-1b1d-4b6e-9a53-0c8f6a1d2e3f'
const cheatingTask = '8d9f4c2e-1b1d-4b6e-9a53-0c8f6a1d2e3f'
const messages = [{ role: 'user', content: 'What is behind door two?' }] as const

test('the SDK talks to an adapter under its owner’s token, and has the receipt', async (t) => {
  const net = await startComputeNet()
  t.after(() => net.close())
  const weights = new Uint8Array(await readFile(tinyModel))
  const adapter = await trainAdapter(weights.slice(), 7)
  const other = await trainAdapter(weights.slice(), 8)
  const file = bytesSource(weights)
  const shelf = createAdapterShelf(async ({ name, adapter: read }) => {
    const open = (adapter: Uint8Array) =>
      openTensorEngine({ env: net.env, name, weights: weights.slice(), file, adapter })
    if (name !== adapterModel('tiny', cheatingTask)) return open(await read())
    // Answers with other numbers than it says, and works from them in a dispute too.
    const engine = await open(changeLast(await read()))
    return { ...engine, model: { ...engine.model, modelRoot: rootWith(await read()) } }
  })
  t.after(() => shelf.close())
  const provider = await net.startProvider({ adapters: shelf })
  await provider.ready
  const rootWith = (of: Uint8Array) => adaptedModelRoot(bytesToHex(fileRoot(weights)), bytesToHex(fileRoot(of)))
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
  assert.equal(bundle.receipt.modelRoot, rootWith(adapter))
  assert.deepEqual(end.usage, {
    promptTokens: Number(bundle.receipt.promptTokens),
    completionTokens: Number(bundle.receipt.completionTokens),
  })
  assert.equal(
    await checkBundle(bundle, { chainId: BigInt(genesis.chainId), user: owner, provider: address }),
    undefined,
  )
  // Its owner has the adapter, and disputes the answer as any other.
  const dispute = (of: typeof bundle, adapter: Uint8Array) =>
    client.receipts.dispute(of, { providerUrl: provider.url, loadWeights: async () => weights, adapter })
  assert.deepEqual(await dispute(bundle, adapter), { outcome: 'agreed', questions: 0 })
  shelf.add({
    name: adapterModel('tiny', cheatingTask),
    taskId: cheatingTask,
    user: owner,
    adapter: async () => other,
  })
  const [begin] = await read(client.fineTuning.chat({ ...chat, model: adapterModel('tiny', cheatingTask) }))
  assert.ok(begin?.type === 'receipt')
  const wrong = await client.fineTuning.receipt(address, begin.receiptId)
  const outcome = await dispute(wrong, other)
  assert.ok(outcome.outcome === 'guilty', outcome.outcome)
  assert.equal(outcome.finding.what, 'high')
  const verdict = parseVerdictFile(JSON.stringify(verdictFileToJson(outcome.verdict)))
  assert.ok(verdict.ok)
  assert.deepEqual(await judgeVerdict(verdict.value, weights), { outcome: 'guilty', finding: outcome.finding })
  await assert.rejects(client.receipts.submitVerdict(verdict.value, { model: weights }), AdapterUnjudgedError)
  await assert.rejects(clientOf(net, 4).fineTuning.receipt(address, first.receiptId), (fault) => isRefused(fault, 404))
})

const isRefused = (fault: unknown, status: number): boolean =>
  fault instanceof ProviderRefusedError && fault.status === status

async function read(events: AsyncIterable<ChatEvent>): Promise<ChatEvent[]> {
  const all: ChatEvent[] = []
  for await (const event of events) all.push(event)
  return all
}

/** The last number of the file: of B of some matrix. */
const changeLast = (adapter: Uint8Array) => adapter.with(adapter.length - 2, adapter.at(-2)! ^ 0x10)

async function trainAdapter(weights: Uint8Array, seed: number): Promise<Uint8Array> {
  const trainer = await openLoraTrainer(weights, { seed32: new Uint8Array(32).fill(seed), rank: 2, learningRate: 0.05 })
  trainer.step([{ tokens: [1, 2, 3, 4, 5], mask: [0, 0, 1, 1, 1] }])
  return trainer.exportAdapter()
}
