/** All weights of a small model trained as a service: receipted, verified by training again, sealed to its user, and a model that runs. FINETUNING §5.1 */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { bytesToHex, textToBytes } from '@weightless/codec'
import { startFineTuning } from '@weightless/compute'
import { verifyTraining } from '@weightless/compute/client'
import { createEmbeddedWorker } from '@weightless/compute/finetune/embeddedWorker'
import { addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import { signReceipt } from '@weightless/receipt'
import type { TrainingBundle } from '@weightless/receipt/training'
import { describeModel, loadModel } from '@weightless/tensor'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { clientOf, keyOf } from './clientOf.ts'
import { startComputeNet, tokens } from './computeNet.ts'

const weights = makeProbeModel()
const modelRoot = bytesToHex(fileRoot(weights))
const dataset = textToBytes(
  Array.from({ length: 12 }, (_, at) => `{"prompt":"Door ${at} is","completion":" number ${at * 7}"}`).join('\n'),
)
const parameters = {
  ...{ method: 'full', num_train_epochs: 2, per_device_train_batch_size: 3, max_seq_length: 17, learning_rate: 0.001 },
  validation_split: 0.25,
}

test('all weights are trained, the receipt holds when trained again, and the user alone opens a model that runs', async (t) => {
  const { net, client, trainer } = await open(t)
  const { fineTuning } = client
  const { id } = await fineTuning.start({ trainer, modelRoot, dataset, parameters })
  for await (const event of fineTuning.follow(trainer, id)) {
    if (event.type === 'note' && event.text.startsWith('Delivered')) break
    if (event.type === 'end') assert.fail(JSON.stringify(await fineTuning.task(trainer, id)))
  }
  const bundle = await fineTuning.trainingReceipt(trainer, id)
  const check = async (of: TrainingBundle, lines = dataset) => {
    const found = await verifyTraining(of, { weights: weights.slice(), dataset: lines })
    return found.accepted ? (found.reExecuted ? 'same' : 'unchecked') : found.fault
  }
  assert.equal(await check(bundle), 'same')
  const traceRoot = `0x${'5a'.repeat(32)}` as const
  const receipt = { ...bundle.receipt, traceRoot }
  const signature = await signReceipt(receipt, bundle.settlement, net.accountOf(1))
  assert.equal(await check({ ...bundle, receipt, signature }), 'trace')
  assert.equal(await check(bundle, dataset.subarray(1)), 'dataset')
  const disputed = await fineTuning.dispute(bundle, { dataset, weights: weights.slice() })
  assert.deepEqual(disputed, { outcome: 'agreed', questions: 0 })

  await fineTuning.acknowledge(trainer, id)
  for await (const event of fineTuning.follow(trainer, id)) if (event.type === 'end') break
  const file = await fineTuning.adapter(trainer, id, keyOf(net, 3))
  assert.equal(bytesToHex(fileRoot(file)), bundle.opening.adapterRoot)
  const { programId, tokenizerRoot, info } = await describeModel(file)
  const base = await describeModel(weights)
  assert.deepEqual([tokenizerRoot, info.quantisation], [base.tokenizerRoot, 'F32'])
  assert.notEqual(programId, '')
  const model = await loadModel(file)
  assert.ok(model.memoryBytes() > 0)
  const { base: before, tuned } = await fineTuning.task(trainer, id)
  assert.ok(before && tuned && tuned.loss < before.loss, 'the held-out loss fell')
})

async function open(t: TestContext) {
  const net = await startComputeNet()
  const service = await startFineTuning({
    ...{ env: net.env, rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0, weiPerToken: 1n },
    blobs: { get: async () => assert.fail('nothing is in storage'), put: async () => ({}) as never },
    account: net.accountOf(1),
    models: [{ name: 'probe', root: modelRoot, description: 'a test' }],
    worker: createEmbeddedWorker({ env: net.env, loadWeights: async () => weights.slice() }),
    quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
    limits: { lookMs: 50 },
    onFinished: () => assert.fail('a whole model is served as an adapter'),
  })
  t.after(async () => {
    await service.close()
    await net.close()
  })
  await acknowledgeTrainer(net, service.address)
  const client = clientOf(net, 3)
  const [trainer] = await client.fineTuning.providers()
  await client.account.deposit(tokens(5))
  await client.fineTuning.fund(trainer!, tokens(1))
  return { net, client, trainer: trainer! }
}
