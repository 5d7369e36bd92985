/** A fine-tuning provider as a service: opens its tasks, registers on the chain, takes tasks, trains, delivers, settles. Spec: FINETUNING. */
import type { Blobs } from '@weightless/blobs'
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import type { LocalAccount } from 'viem'
import { createRateLimits } from '../admission/rateLimits.ts'
import { createConsentSigner } from './consentToRefund.ts'
import { openDatasetShelf } from './datasetShelf.ts'
import { createDefenceDesk, deskDefaults } from './dispute/defenceDesk.ts'
import { createFineTuningChain } from './fineTuningChain.ts'
import { type FineTuningLimits, fineTuningLimitsSchema } from './fineTuningOptions.ts'
import { createFineTuningHandler } from './fineTuningRoutes.ts'
import { createGate, type FineTuningModel, type FineTuningService } from './fineTuningService.ts'
import { createDatasetOpener } from './openDataset.ts'
import { type FineTuningQuota, registerFineTuning } from './registerFineTuning.ts'
import { runTasks } from './runTasks.ts'
import { type FineTuningTask, isOver, isToTrain } from './task.ts'
import { createTaskFiles } from './taskFiles.ts'
import { createTaskJournal } from './taskJournal.ts'
import { createTaskSnapshots } from './taskSnapshots.ts'
import { openTaskStore } from './taskStore.ts'
import { readTrainingParameters } from './trainingParameters.ts'
import { createTrainingReceipts } from './trainingReceipts.ts'
import type { TrainingWorker } from './trainingWorker.ts'

export type FineTuningOptions = {
  env: Env
  /** Folder of `env.disk`; default `finetuning`. */
  folder?: string
  rpcUrl: string
  chainId: number
  contracts: { fineTuningServing: Hex }
  /** Holds the stake, earns the fees, signs deliveries and settlements. */
  account: LocalAccount
  blobs: Pick<Blobs, 'get' | 'put'>
  port: number
  host?: string
  /** What the registry says; default is the address that the server listens on. */
  publicUrl?: string
  models: readonly FineTuningModel[]
  worker: TrainingWorker
  quota: FineTuningQuota
  weiPerToken: bigint
  limits?: Partial<FineTuningLimits>
  /** A task was paid: its adapter may be served to its user. Also called at start, for those of earlier runs. */
  onFinished?: (task: FineTuningTask, adapter: () => Promise<Uint8Array>) => void
}

export type FineTuning = {
  address: Hex
  url: string
  close(): Promise<void>
}

/** Resolves when the service is registered and open. @throws {PortInUseError} {LogCorruptError} {InsufficientFundsError} … */
export async function startFineTuning(options: FineTuningOptions): Promise<FineTuning> {
  const { env, port, host, account } = options
  const limits = fineTuningLimitsSchema.parse(options.limits ?? {})
  let service: FineTuningService | undefined
  const server = await env.network.serve({
    port,
    ...(host === undefined ? {} : { host }),
    handler: createFineTuningHandler(() => service),
    bodyBytesMax: limits.datasetBytesMax + 64 * 1024,
    receivingMax: 64,
  })
  try {
    service = await open(options, limits, server.url)
  } catch (fault) {
    await server.close()
    throw fault
  }
  const { store, journal, runner, desk } = service
  env.log.info('fine-tuning open', { url: server.url, address: account.address, worker: options.worker.name })
  return {
    address: account.address.toLowerCase() as Hex,
    url: server.url,
    async close() {
      await server.close()
      await desk.close()
      await runner.close()
      await journal.close()
      await store.close()
    },
  }
}

async function open(options: FineTuningOptions, limits: FineTuningLimits, url: string): Promise<FineTuningService> {
  const { env, folder = 'finetuning', account, blobs, models, worker, weiPerToken, quota, publicUrl = url } = options
  const { disk, random, clock, log } = env
  const { fineTuningServing } = options.contracts
  const ledger = createLedger({ rpcUrl: options.rpcUrl, env, account })
  const taskFolder = `${folder}/tasks`
  const shelf = await openDatasetShelf(disk, `${folder}/datasets`, limits.uploadedBytesMax)
  const { chainId } = options
  const { datasetBytesMax } = limits
  const datasets = await createDatasetOpener({ account, chainId, datasetBytesMax })
  const files = createTaskFiles({ disk, random, folder: taskFolder, shelf, datasets, blobs, signer: account })
  const store = await openTaskStore({
    ...{ disk, log, folder: `${folder}/log`, rememberedMax: limits.rememberedMax },
    onForget: ({ id }) => void journal.forget(id),
  })
  const journal = createTaskJournal({
    ...{ disk, log, folder: taskFolder, nowMs: () => clock.nowMs() },
    isOver: (id) => {
      const task = store.get(id)
      return !task || isOver(task)
    },
  })
  try {
    const names = models.map(({ name }) => name)
    await registerFineTuning(ledger, fineTuningServing, { url: publicUrl, quota, weiPerToken, models: names })
  } catch (fault) {
    await store.close()
    throw fault
  }
  const snapshots = createTaskSnapshots({
    ...{ disk, log, clock, folder: taskFolder, everyMs: limits.saveMs, bytesMax: limits.saveBytesMax },
  })
  const onFinished = (task: FineTuningTask) => {
    // A whole model is fetched by its user; only adapters are served beside their base.
    if (isOfAdapter(task)) options.onFinished?.(task, () => files.adapter(task))
  }
  const chain = createFineTuningChain({ ledger, fineTuningServing, chainId: BigInt(chainId), account })
  const receipts = createTrainingReceipts({
    ...{ disk, random, account, chainId, fineTuningServing, folder: taskFolder },
    nameOf: (modelRoot) => models.find(({ root }) => root === modelRoot)?.name ?? '',
  })
  const context = { env, limits, store, journal, files, snapshots, receipts, chain, worker, onFinished }
  const service: FineTuningService = {
    ...context,
    ...{ account, questions: createRateLimits({ clock, perMinute: questionsPerMinute }) },
    ...{ desk: createDefenceDesk(env, { ...deskDefaults, yieldMs: limits.disputeYieldMs }), receiptIndex: new Map() },
    ...{ provider: account.address, models, weiPerToken, shelf, datasets, runner: runTasks(context) },
    signConsent: createConsentSigner(account, chainId, fineTuningServing),
    pendingCount: () => store.list().filter(isToTrain).length,
    uploads: createGate(limits.uploadsMax),
    followers: createGate(followersMax),
  }
  for (const task of store.list()) {
    if (task.progress === 'Finished') onFinished(task)
    // Of a training that came to its end just before a kill.
    if (!isToTrain(task)) await snapshots.remove(task.id)
  }
  return service
}

function isOfAdapter({ trainingParams }: FineTuningTask): boolean {
  const read = readTrainingParameters(trainingParams)
  return read.ok && read.value.parameters.method === 'lora'
}

const followersMax = 256
const questionsPerMinute = 600
