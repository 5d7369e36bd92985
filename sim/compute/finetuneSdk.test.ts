/** Our SDK fine-tunes on a real chain: funds, hands over, follows, acknowledges, opens what is delivered. The worker is this test's. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { startFineTuning, type TrainingWorker } from '@weightless/compute'
import { addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { adapterModel, DeliveryInvalidError, KeyNotHandedOutError, TrainerRefusedError } from '@weightless/sdk'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tokens } from './computeNet.ts'

const modelRoot: Hex = `0x${'42'.repeat(32)}`
const adapter = textToBytes('an adapter, as it were '.repeat(500))
const dataset = textToBytes('{"prompt":"a","completion":"b"}\n'.repeat(5))

test('from a file of examples to the opened adapter', async (t) => {
  const net = await startComputeNet()
  const stored = new Map<Hex, Uint8Array>()
  const service = await startFineTuning({
    ...{ env: net.env, rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0 },
    blobs: {
      get: async (root: Hex) => stored.get(root)!,
      put: async (content: unknown) => {
        stored.set(bytesToHex(fileRoot(content as Uint8Array)), content as Uint8Array)
        return {} as never
      },
    },
    weiPerToken: 10n ** 12n,
    account: net.accountOf(1),
    models: [{ name: 'tiny', root: modelRoot, description: 'a test' }],
    worker: createTestWorker(),
    quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
    limits: { lookMs: 50 },
  })
  t.after(async () => {
    await service.close()
    await net.close()
  })
  await acknowledgeTrainer(net, service.address)
  const privateKey = bytesToHex(net.accountOf(3).getHdKey().privateKey!)
  const { account, fineTuning } = clientOf(net, 3)

  const [trainer] = await fineTuning.providers()
  const [model] = await fineTuning.models(trainer!)
  assert.equal(model!.root, modelRoot)
  const request = { trainer: trainer!, modelRoot, dataset, parameters: { num_train_epochs: 1 } }
  await assert.rejects(fineTuning.start(request), TrainerRefusedError)
  assert.equal(await fineTuning.balance(trainer!), undefined)
  await account.deposit(tokens(5))
  await fineTuning.fund(trainer!, tokens(1))
  assert.equal(await fineTuning.balance(trainer!), tokens(1))
  await assert.rejects(fineTuning.start({ ...request, dataset: textToBytes('no json') }), /line 1/)

  const { id } = await fineTuning.start(request)
  const losses: number[] = []
  const stop = new AbortController()
  for await (const event of fineTuning.follow(trainer!, id, stop.signal)) {
    if (event.type === 'point') losses.push(event.loss)
    if (event.type === 'note' && event.text.startsWith('Delivered')) break
  }
  stop.abort()
  assert.deepEqual(losses, [2, 1])
  await assert.rejects(fineTuning.adapter(trainer!, id, privateKey), KeyNotHandedOutError)
  await fineTuning.acknowledge(trainer!, id)
  let progress = ''
  for await (const event of fineTuning.follow(trainer!, id)) if (event.type === 'end') progress = event.progress
  assert.equal(progress, 'Finished')
  const task = await fineTuning.task(trainer!, id)
  assert.ok(task.feeWei > 0n && task.tuned!.loss < task.base!.loss)
  assert.deepEqual(
    (await fineTuning.tasks(trainer!)).map((each) => each.id),
    [id],
  )
  assert.deepEqual(await fineTuning.adapter(trainer!, id, privateKey), adapter)
  const stranger = bytesToHex(net.accountOf(4).getHdKey().privateKey!)
  await assert.rejects(fineTuning.adapter(trainer!, id, stranger), DeliveryInvalidError)
  assert.equal(adapterModel('a/b.c', id), `ft-a-b-c-${id.slice(0, 12)}`)
})

function createTestWorker(): TrainingWorker {
  return {
    name: 'test',
    async open() {
      return {
        plan: { rows: 4, heldOutRows: 1, steps: 2, trainedTokens: 7_000 },
        async train({ onPoint }) {
          for (let step = 1; step <= 2; step++) {
            onPoint?.({ step, steps: 2, loss: 2 / step, trainedTokens: 3_500 * step, tokensPerSecond: 9 })
          }
          return { adapter, trainedTokens: 7_000, base: { loss: 2, accuracy: 0 }, tuned: { loss: 1, accuracy: 1 } }
        },
        close: async () => undefined,
      }
    },
  }
}
