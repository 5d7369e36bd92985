/** Gives each model of a devnet its providers, now and whenever `weightless model add` brings another. */
import type { Hex } from '@weightless/codec'
import type { Env } from '@weightless/env'
import type { WeightsShelf } from '../computeGateway/weightsShelf.ts'
import type { DevnetFile } from '../devnetFile.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import type { PortPlan } from '../portPlan.ts'
import { listAddedModels } from '../weights/addModel.ts'
import { devnetKey, providerAccountIndices, twinAccountIndices } from './devnetKeys.ts'
import type { ModelFile } from './modelLoader.ts'
import { checkAndStore, serveModel } from './openModel.ts'
import type { ModelProvider, ModelProviderSettings } from './startModelProvider.ts'

export type ModelHostOptions = {
  env: Env
  file: DevnetFile
  ports: PortPlan
  host: string
  dataFolder: string
  /** Of the first model, at most one more than there are accounts for; others have one. */
  providers: number
  /** Each provider is a process of its own. */
  processes: boolean
  /** Of every model that is served. */
  weights: WeightsShelf
  /** Undefined: nobody trains. */
  fineTuning: { python?: string } | undefined
  signal: AbortSignal
  emit(event: DevnetEvent): void
  /** Called when `file` has a provider more. */
  onChange(): void
}

export type ModelHost = {
  /** Stores, loads, registers and opens a model; what fails is told as an event. */
  open(model: ModelFile): Promise<void>
  /** The same with all of the devnet's providers. */
  openFirst(model: ModelFile): Promise<void>
  opened(): number
  /** Files of the models that are served, by root. */
  weights(): { readonly [root: Hex]: string }
  /** Opens models added to the data directory while the devnet runs; resolves when `signal` aborts. */
  watchAdded(dataFolder: string): Promise<void>
  close(): Promise<void>
}

/** Ports that a devnet plans for: one for each model's first provider, then those of the further ones. */
export function providerPortsFor(providers: number): number {
  return providerAccountIndices.length + providers - 1
}

const lookEveryMs = 1_000

type Seat = { account: number; port: number; rank: number }

export function createModelHost(options: ModelHostOptions): ModelHost {
  const { env, file, ports, host, signal, emit } = options
  const tried = new Set<string>()
  const running: ModelProvider[] = []
  const files: { [root: Hex]: string } = {}
  let slot = 0

  async function open(model: ModelFile): Promise<void> {
    tried.add(model.id)
    const seat = takeSeat()
    if (seat) await openAt(model, [seat])
    else emit({ type: 'warning', message: `${model.id} is not served: every provider of this devnet has a model` })
  }

  async function openFirst(model: ModelFile): Promise<void> {
    tried.add(model.id)
    const first = takeSeat()
    const twins = seatsOfTwins(ports, options.providers - 1)
    await openAt(model, first ? [first, ...twins] : twins)
  }

  function takeSeat(): Seat | undefined {
    const account = providerAccountIndices[slot]
    if (account === undefined) return undefined
    return { account, port: ports.providers[slot++]!, rank: 0 }
  }

  async function openAt(model: ModelFile, seats: readonly Seat[]): Promise<void> {
    try {
      // The cheapest provider of the first model trains too.
      const { fineTuning: tuning } = options
      const trains = running.length === 0 && !model.encoder
      const fineTuning = trains && tuning ? { port: ports.fineTuning, ...tuning } : undefined
      const modelRoot = await checkAndStore(env, { ...options, ...network(), model })
      if (!model.encoder) options.weights.add(modelRoot, model.path)
      if (!model.encoder) files[modelRoot] = model.path
      const opened = await Promise.allSettled(
        seats.map((seat) =>
          serveAt(seat, { model, modelRoot, ...seat, ...(fineTuning && seat.rank === 0 && { fineTuning }) }),
        ),
      )
      const failure = opened.find((outcome) => outcome.status === 'rejected')
      if (opened.every(({ status }) => status === 'rejected')) throw failure?.reason
      if (failure) warn(`a provider of ${model.id} did not open`, failure.reason)
    } catch (error) {
      const reason = messageOf(error)
      if (!signal.aborted) emit({ type: 'weights-missing', model: model.id, reason, fallback: undefined })
    }
  }

  async function serveAt({ account, rank }: Seat, what: Omit<ModelProviderSettings, 'host' | 'rpcUrl' | 'indexerUrl'>) {
    const { address } = devnetKey(account)
    const provider = await serveModel(env, { ...what, host, ...network() }, options)
    running.push(provider)
    const models = [what.model.id]
    listProvider(file, { address, url: provider.url, models }, rank)
    const { fineTuning } = provider
    if (fineTuning && 'url' in fineTuning) {
      const { url } = fineTuning
      file.compute.fineTuning = { address, url, models }
      emit({ type: 'fine-tuning-open', model: what.model.id, provider: address, url })
    } else if (fineTuning) warn('no fine-tuning', fineTuning.fault)
    options.onChange()
  }

  const network = () => ({ rpcUrl: file.chain.rpcUrl, indexerUrl: file.storage.indexerUrl })

  const warn = (what: string, error: unknown) => {
    if (!signal.aborted) emit({ type: 'warning', message: `${what}: ${messageOf(error)}` })
  }

  const readList = createListReader(emit)
  return {
    open,
    openFirst,
    opened: () => running.length,
    weights: () => files,
    async watchAdded(dataFolder) {
      while (!signal.aborted) {
        for (const { id, path } of readList(dataFolder)) if (!tried.has(id)) await open({ id, path })
        await env.clock.sleep(lookEveryMs, signal).catch(() => undefined)
      }
    },
    async close() {
      await Promise.all(running.map((provider) => provider.close()))
    },
  }
}

/** The cheapest of a model comes first, whichever opens first. */
function listProvider({ compute }: DevnetFile, entry: DevnetFile['compute']['providers'][number], rank: number): void {
  const { providers } = compute
  const twin = providers.findIndex(({ models }) => models[0] === entry.models[0])
  providers.splice(rank > 0 || twin < 0 ? providers.length : twin, 0, entry)
}

function seatsOfTwins({ providers }: PortPlan, count: number): Seat[] {
  const planned = providers.slice(providerAccountIndices.length)
  return twinAccountIndices.slice(0, count).map((account, at) => ({ account, port: planned[at]!, rank: at + 1 }))
}

/** A list that was damaged by hand is told once, and read again when it changes. */
function createListReader(emit: (event: DevnetEvent) => void): (dataFolder: string) => ModelFile[] {
  let fault: string | undefined
  return (dataFolder) => {
    try {
      const models = listAddedModels(dataFolder)
      fault = undefined
      return models
    } catch (error) {
      const message = messageOf(error)
      if (message !== fault) emit({ type: 'warning', message })
      fault = message
      return []
    }
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
