/** Datasets sealed to their trainer: read by it alone, for the account that sealed them alone, and nowhere else in the clear. FINETUNING §3.1 */
import assert from 'node:assert/strict'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { startFineTuning, type TrainingWorker } from '@weightless/compute'
import { addresses, genesis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import type { Log } from '@weightless/env'
import { isSealedFile } from '@weightless/envelope'
import { DatasetKeyError } from '@weightless/sdk'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tokens } from './computeNet.ts'

const modelRoot: Hex = `0x${'42'.repeat(32)}`
const secret = 'the-word-that-nobody-else-may-read'
const dataset = textToBytes(`{"prompt":"What is it?","completion":"${secret}"}\n`)

test('the trainer reads what was sealed to it; its disk, the storage and the log do not show it', async (t) => {
  const { net, client, trainer, examples, logged, stored } = await open(t)
  const { fineTuning } = client(3)
  const { id, datasetRoot } = await fineTuning.start({ trainer, modelRoot, dataset })
  assert.notEqual(datasetRoot, bytesToHex(fileRoot(dataset)))
  assert.equal(await endOf(id, 3), 'Trained')
  assert.deepEqual(examples, [[{ prompt: 'What is it?', completion: secret }]])

  const inStorage = await fineTuning.seal(trainer, dataset)
  assert.ok(isSealedFile(inStorage))
  const root = bytesToHex(fileRoot(inStorage))
  stored.set(root, inStorage)
  const second = await fineTuning.start({ trainer, modelRoot, dataset: root })
  assert.equal(await endOf(second.id, 3), 'Trained')

  // Roots are public: with another's, nothing can be had, be it in storage or with the provider.
  for (const named of [root, datasetRoot]) {
    const foreign = await client(4).fineTuning.start({ trainer, modelRoot, dataset: named })
    assert.equal(await endOf(foreign.id, 4), 'Failed')
  }
  assert.equal(examples.length, 2)
  assert.match(logged.join('\n'), /dataset taken/)
  assert.doesNotMatch(logged.join('\n'), new RegExp(secret))
  const files = await readdir(join(net.folder, 'finetuning'), { recursive: true, withFileTypes: true })
  for (const file of files.filter((each) => each.isFile())) {
    assert.ok(!(await readFile(join(file.parentPath, file.name))).includes(secret), file.name)
  }

  async function endOf(task: string, index: number): Promise<string> {
    for await (const event of client(index).fineTuning.follow(trainer, task)) {
      if (event.type === 'note' && /^(Trained|Failed)/.test(event.text)) return event.text.split(':')[0]!
    }
    throw new Error('the task has no end')
  }
})

test('plain datasets are taken as before; a key that the provider did not sign is not used', async (t) => {
  const { client, trainer, net } = await open(t)
  const { fineTuning } = client(3)
  const task = await fineTuning.start({ trainer, modelRoot, dataset, isPlain: true })
  assert.equal(task.datasetRoot, bytesToHex(fileRoot(dataset)))

  const quote = (await (await fetch(`${trainer.url}/v1/quote`)).json()) as {
    dataset_key: { public_key: Hex; signature: Hex }
  }
  const bent: Hex = `0x${'11'.repeat(32)}`
  for (const key of [
    undefined,
    { ...quote.dataset_key, public_key: bent },
    { ...quote.dataset_key, signature: bent },
  ]) {
    const server = await net.env.network.serve({
      port: 0,
      handler: async () => ({ status: 200, body: JSON.stringify({ ...quote, dataset_key: key }) }),
    })
    const between = { ...trainer, url: server.url }
    await assert.rejects(fineTuning.start({ trainer: between, modelRoot, dataset }), DatasetKeyError)
    await server.close()
  }
})

async function open(t: TestContext) {
  const net = await startComputeNet()
  const stored = new Map<Hex, Uint8Array>()
  const examples: unknown[] = []
  const logged: string[] = []
  const service = await startFineTuning({
    ...{ rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0 },
    env: { ...net.env, log: createCapture(logged) },
    blobs: {
      get: async (root: Hex) => stored.get(root) ?? assert.fail('nobody has it'),
      put: async () => ({}) as never,
    },
    weiPerToken: 10n ** 12n,
    account: net.accountOf(1),
    models: [{ name: 'tiny', root: modelRoot, description: 'a test' }],
    worker: createTestWorker(examples),
    quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
    limits: { lookMs: 50, retryMs: 10 },
  })
  t.after(async () => {
    await service.close()
    await net.close()
  })
  await acknowledgeTrainer(net, service.address)
  const client = (index: number) => clientOf(net, index)
  const [trainer] = await client(3).fineTuning.providers()
  for (const index of [3, 4]) {
    await client(index).account.deposit(tokens(5))
    await client(index).fineTuning.fund(trainer!, tokens(1))
  }
  return { net, client, trainer: trainer!, examples, logged, stored }
}

function createCapture(logged: string[]): Log {
  const say = (event: string, facts: object = {}) => void logged.push(`${event} ${JSON.stringify(facts)}`)
  return { debug: say, info: say, warn: say, error: say, child: () => createCapture(logged) }
}

function createTestWorker(examples: unknown[]): TrainingWorker {
  return {
    name: 'test',
    async open(job) {
      examples.push(job.examples)
      return {
        plan: { rows: 1, heldOutRows: 0, steps: 1, trainedTokens: 70 },
        train: async () => ({ adapter: textToBytes('adapter'), trainedTokens: 70, base: undefined, tuned: undefined }),
        close: async () => undefined,
      }
    },
  }
}
