/** Gives each model of a devnet a provider of its own, now and whenever `weightless model add` brings another. */
import type { Hex } from '@weightless/codec'
import type { FineTuning, Provider } from '@weightless/compute'
import type { AdapterShelf } from '@weightless/compute/finetune/adapterShelf'
import type { Env } from '@weightless/env'
import type { DevnetFile } from '../devnetFile.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import type { PortPlan } from '../portPlan.ts'
import { listAddedModels } from '../weights/addModel.ts'
import { devnetKey, gatewayAccountIndex, providerAccountIndices } from './devnetKeys.ts'
import type { ModelFile } from './modelLoader.ts'
import { openModel } from './openModel.ts'
import { createModelAdapters, startFineTuningProvider } from './startFineTuningProvider.ts'

export type ModelHostOptions = {
  env: Env
  file: DevnetFile
  ports: PortPlan
  host: string
  /** Undefined: nobody trains. */
  fineTuning: { python: string | undefined } | undefined
  signal: AbortSignal
  emit(event: DevnetEvent): void
  /** Called when `file` has a provider more. */
  onChange(): void
}

export type ModelHost = {
  /** Stores, loads, registers and opens a model; what fails is told as an event. */
  open(model: ModelFile): Promise<void>
  opened(): number
  /** Opens models added to the data directory while the devnet runs; resolves when `signal` aborts. */
  watchAdded(dataFolder: string): Promise<void>
  close(): Promise<void>
}

const lookEveryMs = 1_000

export function createModelHost(options: ModelHostOptions): ModelHost {
  const { env, file, ports, host, signal, emit } = options
  const tried = new Set<string>()
  const providers: Provider[] = []
  let trainer: FineTuning | undefined
  let adapters: AdapterShelf | undefined

  async function open(model: ModelFile): Promise<void> {
    const slot = providers.length
    const account = providerAccountIndices[slot]
    tried.add(model.id)
    if (account === undefined) {
      emit({ type: 'warning', message: `${model.id} is not served: every provider of this devnet has a model` })
      return
    }
    const key = devnetKey(account)
    const { rpcUrl } = file.chain
    const { indexerUrl } = file.storage
    try {
      if (slot === 0 && options.fineTuning) adapters = createModelAdapters(env, model)
      const payer = devnetKey(gatewayAccountIndex)
      const { provider, modelRoot } = await openModel(env, {
        ...(slot === 0 && adapters && { adapters }),
        model,
        key,
        payer,
        port: ports.providers[slot]!,
        host,
        rpcUrl,
        indexerUrl,
        signal,
        emit,
      })
      providers.push(provider)
      file.compute.providers.push({ address: key.address, url: provider.url, models: [model.id] })
      options.onChange()
      if (slot === 0) await openTrainer(model, modelRoot)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!signal.aborted) emit({ type: 'weights-missing', model: model.id, reason, fallback: undefined })
    }
  }

  /** Trains the first model; a devnet without a trainer still does everything else. */
  async function openTrainer(model: ModelFile, modelRoot: Hex): Promise<void> {
    if (!options.fineTuning) return
    const key = devnetKey(providerAccountIndices[0])
    const { rpcUrl } = file.chain
    const { indexerUrl } = file.storage
    try {
      trainer = await startFineTuningProvider(env, {
        ...{ model, modelRoot, key, port: ports.fineTuning, host, rpcUrl, indexerUrl, ...options.fineTuning },
        adapters,
      })
      file.compute.fineTuning = { address: key.address, url: trainer.url, models: [model.id] }
      options.onChange()
      emit({ type: 'fine-tuning-open', model: model.id, provider: key.address, url: trainer.url })
    } catch (error) {
      if (!signal.aborted) emit({ type: 'warning', message: `no fine-tuning: ${(error as Error).message}` })
    }
  }

  let listFault: string | undefined

  /** A list that was damaged by hand is told once, and read again when it changes. */
  function readList(dataFolder: string): ModelFile[] {
    try {
      const models = listAddedModels(dataFolder)
      listFault = undefined
      return models
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (message !== listFault) emit({ type: 'warning', message })
      listFault = message
      return []
    }
  }

  return {
    open,
    opened: () => providers.length,
    async watchAdded(dataFolder) {
      while (!signal.aborted) {
        for (const { id, path } of readList(dataFolder)) if (!tried.has(id)) await open({ id, path })
        await env.clock.sleep(lookEveryMs, signal).catch(() => undefined)
      }
    },
    async close() {
      await trainer?.close()
      for (const provider of providers.toReversed()) await provider.close()
      await adapters?.close()
    },
  }
}
