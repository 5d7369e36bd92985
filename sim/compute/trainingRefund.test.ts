/** A fine-tuning provider signs a user's money back at once when her tasks are over, and only then; meanwhile it takes none of hers. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Hex, textToBytes } from '@weightless/codec'
import { type FineTuning, startFineTuning, type TrainingWorker } from '@weightless/compute'
import { addresses, genesis } from '@weightless/contracts'
import { TrainerRefusedError } from '@weightless/sdk'
import { acknowledgeTrainer } from './acknowledgeTrainer.ts'
import { clientOf } from './clientOf.ts'
import { startComputeNet, tokens } from './computeNet.ts'

const modelRoot: Hex = `0x${'42'.repeat(32)}`
const dataset = textToBytes('{"prompt":"a","completion":"b"}\n')

test('what stands with a trainer comes back at once when nothing is owed, restarts included', async (t) => {
  const net = await startComputeNet()
  const start = (): Promise<FineTuning> =>
    startFineTuning({
      ...{ env: net.env, rpcUrl: net.rpcUrl, chainId: genesis.chainId, contracts: addresses, port: 0 },
      blobs: { get: async () => assert.fail('nothing is in storage'), put: async () => ({}) as never },
      weiPerToken: 10n ** 12n,
      account: net.accountOf(1),
      models: [{ name: 'tiny', root: modelRoot, description: 'a test' }],
      worker: createEndlessWorker(),
      quota: { cpuCount: 1n, nodeMemory: 1n, gpuCount: 0n, nodeStorage: 1n, gpuType: '' },
    })
  let service = await start()
  t.after(async () => {
    await service.close()
    await net.close()
  })
  await acknowledgeTrainer(net, service.address)
  const { account, fineTuning } = clientOf(net, 3)
  const trainerOf = async () => (await fineTuning.providers())[0]!
  const trainer = await trainerOf()
  await account.deposit(tokens(5))
  await fineTuning.fund(trainer, tokens(1))
  const isRefused = (fault: unknown) => fault instanceof TrainerRefusedError && fault.status === 409

  const { id } = await fineTuning.start({ trainer, modelRoot, dataset })
  await assert.rejects(fineTuning.retrieveNow(trainer), isRefused)
  assert.equal(await fineTuning.balance(trainer), tokens(1))
  await fineTuning.cancel(trainer, id)
  await fineTuning.retrieveNow(trainer)
  assert.equal(await fineTuning.balance(trainer), 0n)
  assert.deepEqual((await account.balance()).ledger, { totalWei: tokens(5), availableWei: tokens(5) })

  await fineTuning.fund(trainer, tokens(1))
  await assert.rejects(fineTuning.start({ trainer, modelRoot, dataset }), isRefused)
  await service.close()
  service = await start()
  await assert.rejects(fineTuning.start({ trainer: await trainerOf(), modelRoot, dataset }), isRefused)

  // Another account's signature, an old one, and none.
  const path = `${service.url}/v1/user/${net.accountOf(3).address}/refund-consent`
  const ask = async (body: object) => (await fetch(path, { method: 'POST', body: JSON.stringify(body) })).status
  const timestamp = Math.floor(Date.now() / 1000)
  const signature = await net.accountOf(4).signMessage({ message: 'something' })
  assert.deepEqual(
    [await ask({}), await ask({ signature, timestamp: timestamp - 400 }), await ask({ signature, timestamp })],
    [400, 401, 401],
  )
  // Somebody else is not leaving.
  const other = clientOf(net, 4)
  await other.account.deposit(tokens(5))
  await other.fineTuning.fund(await trainerOf(), tokens(1))
  await other.fineTuning.start({ trainer: await trainerOf(), modelRoot, dataset })
})

function createEndlessWorker(): TrainingWorker {
  return {
    name: 'test',
    async open() {
      const stop = Promise.withResolvers<never>()
      stop.promise.catch(() => undefined)
      return {
        plan: { rows: 1, heldOutRows: 0, steps: 1, trainedTokens: 70 },
        train: () => stop.promise,
        close: async () => stop.reject(new Error('closed')),
      }
    },
  }
}
