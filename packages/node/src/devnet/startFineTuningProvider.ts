/** The devnet's fine-tuning provider: trains the first model that opened, under the account of the provider that serves it. */
import { readFile } from 'node:fs/promises'
import { availableParallelism, totalmem } from 'node:os'
import { join } from 'node:path'
import { createBlobs } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import {
  createProcessWorker,
  type FineTuning,
  openTensorEngine,
  startFineTuning,
  type TrainingWorker,
} from '@weightless/compute'
import { type AdapterShelf, createAdapterShelf } from '@weightless/compute/finetune/adapterShelf'
import { createEmbeddedWorker } from '@weightless/compute/finetune/embeddedWorker'
import { adapterName } from '@weightless/compute/wire'
import { abis, addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { startLineProcess } from '../finetune/startLineProcess.ts'
import { openFileSource } from '../openFileSource.ts'
import { type DevnetKey, devnetKey } from './devnetKeys.ts'
import type { ModelFile } from './modelLoader.ts'

export type FineTuningProviderOptions = {
  model: ModelFile
  modelRoot: Hex
  key: DevnetKey
  port: number
  host: string
  rpcUrl: string
  indexerUrl: string
  /** A Python interpreter with PyTorch and PEFT; without it the embedded trainer works. */
  python: string | undefined
  /** Takes what was paid for. */
  adapters: AdapterShelf | undefined
}

/** Price of the devnet, in wei a trained token. */
const weiPerToken = 1_000_000_000n

export async function startFineTuningProvider(env: Env, options: FineTuningProviderOptions): Promise<FineTuning> {
  const { model, modelRoot, key, port, host, rpcUrl, indexerUrl, adapters } = options
  const ledger = createLedger({ rpcUrl, env, account: key.account })
  const service = await startFineTuning({
    ...{ env, rpcUrl, port, host, weiPerToken, chainId: genesis.chainId, contracts: addresses },
    folder: `finetuning-${key.address.toLowerCase()}`,
    account: key.account,
    blobs: createBlobs({ indexerUrl, env, ledger, flowAddress: addresses.flow }),
    models: [{ name: model.id, root: modelRoot, description: `LoRA adapters of ${model.id}` }],
    worker: chooseWorker(env, options),
    quota: describeMachine(),
    onFinished: ({ id, user }, adapter) =>
      adapters?.add({ name: adapterName(model.id, id), taskId: id, user, adapter }),
  })
  await acknowledge(env, options)
  return service
}

/** Adapted models of one model file: the thread that answers for one holds its own copy of the weights. */
export function createModelAdapters(env: Env, { path }: ModelFile): AdapterShelf {
  return createAdapterShelf(async ({ name, adapter }) => {
    // Read again in a dispute, in ranges.
    const file = await openFileSource(path)
    const weights = new Uint8Array(await readFile(path))
    const engine = await openTensorEngine({ env, name, weights, file, adapter: await adapter() })
    return { ...engine, close: () => engine.close().finally(file.close) }
  })
}

function chooseWorker(env: Env, { model, modelRoot, python }: FineTuningProviderOptions): TrainingWorker {
  if (python === undefined) {
    return createEmbeddedWorker({ env, loadWeights: async () => new Uint8Array(await readFile(model.path)) })
  }
  const script = join(import.meta.dirname, '../../../../workers/peft/worker.py')
  return createProcessWorker({
    name: 'PyTorch, PEFT',
    start: () => startLineProcess(python, [script], env.log),
    modelPathOf: (root) => (root === modelRoot ? model.path : undefined),
  })
}

function describeMachine() {
  const nodeMemory = BigInt(Math.round(totalmem() / 2 ** 30))
  // There is no GPU that the embedded trainer would use.
  return { cpuCount: BigInt(availableParallelism()), nodeMemory, gpuCount: 0n, nodeStorage: 0n, gpuType: '' }
}

/** The registry's owner vouches for the provider's key, as for its inference. */
async function acknowledge(env: Env, { key, rpcUrl }: FineTuningProviderOptions): Promise<void> {
  const ledger = createLedger({ rpcUrl, env, account: devnetKey(genesis.ownerAccountIndex).account })
  const registry = { address: addresses.fineTuningServing, abi: abis.fineTuningServing, args: [key.address] } as const
  if ((await ledger.read({ ...registry, functionName: 'getService' })).teeSignerAcknowledged) return
  await ledger.submit({ ...registry, functionName: 'acknowledgeTEESignerByOwner' })
}
