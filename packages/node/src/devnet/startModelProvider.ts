/**
 * One provider of a devnet's model, under its own key and at its own price, with the trainer beside it where it has one:
 * a process of its own, started again after a crash, or inside this process for tests. Its files are the same either way.
 */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Hex } from '@weightless/codec'
import { type Engine, openEncoderEngine, startProvider } from '@weightless/compute'
import { addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { openWeights } from '../computeProvider/openWeights.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import { weightsCacheFolder } from '../weights/resolveWeights.ts'
import { createClosers } from './closeInOrder.ts'
import { devnetKey } from './devnetKeys.ts'
import type { ModelFile } from './modelLoader.ts'
import { createModelAdapters, startFineTuningProvider } from './startFineTuningProvider.ts'
import { superviseProcess } from './superviseProcess.ts'

/** All of it goes to the process as JSON; the key is one that everybody knows. */
export type ModelProviderSettings = {
  model: ModelFile
  modelRoot: Hex
  /** Index of its account. */
  account: number
  /** 0 is the cheapest; each further one asks half as much again. */
  rank: number
  port: number
  host: string
  rpcUrl: string
  indexerUrl: string
  /** Absent: it does not train. */
  fineTuning?: { port: number; python?: string }
}

/** What of it is open; `fault` says why nobody trains. */
export type ModelProviderOpen = { url: string; fineTuning?: { url: string } | { fault: string } }
export type ModelProvider = ModelProviderOpen & { close(): Promise<void> }

/** Prices of the cheapest, in wei a token: a thousand tokens of answer cost two millionths of a token. */
const inputWeiPerToken = 1_000_000_000n
const outputWeiPerToken = 2_000_000_000n

/** A devnet's providers are measured for the market when nothing was asked for so long. */
const measureIdleMs = 60_000

/** Resolves when it is registered and its model open. @throws what opening threw, with nothing left open */
export async function openModelProvider(
  env: Env,
  settings: ModelProviderSettings,
  operatorToken: string,
): Promise<ModelProvider> {
  const { model, rank, port, host, rpcUrl } = settings
  const { account, address } = devnetKey(settings.account)
  const closers = createClosers()
  const adapters = settings.fineTuning && createModelAdapters(env, model)
  if (adapters) closers.add(() => adapters.close())
  try {
    const provider = await startProvider({
      ...{ env, account, rpcUrl, port, host, contracts: addresses, chainId: genesis.chainId },
      folder: `provider-${address.toLowerCase()}`,
      operatorToken,
      // When the start is over, and one after the other: they share a machine.
      limits: { measureIdleMs: measureIdleMs * (1 + rank) },
      openEngine: () => openEngine(env, model),
      inputWeiPerToken: (inputWeiPerToken * (2n + BigInt(rank))) / 2n,
      // What is embedded makes no tokens.
      outputWeiPerToken: model.encoder ? 0n : (outputWeiPerToken * (2n + BigInt(rank))) / 2n,
      ...(adapters && { adapters }),
    })
    closers.add(() => provider.close())
    await provider.ready
    const fineTuning = await openTrainer(env, settings, adapters, closers)
    return { url: provider.url, ...(fineTuning && { fineTuning }), close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

async function openEngine(env: Env, { id, path, encoder }: ModelFile): Promise<Engine> {
  if (!encoder) return openWeights(env, id, path)
  const read = async (file: string) => new Uint8Array(await readFile(file))
  const files = {
    weights: await read(path),
    tokenizer: await read(encoder.tokenizer),
    config: await read(encoder.config),
  }
  return openEncoderEngine({ env, name: id, files })
}

/** A provider without a trainer still does everything else. */
async function openTrainer(
  env: Env,
  { fineTuning, model, modelRoot, account, host, rpcUrl, indexerUrl }: ModelProviderSettings,
  adapters: ReturnType<typeof createModelAdapters> | undefined,
  closers: ReturnType<typeof createClosers>,
): Promise<ModelProviderOpen['fineTuning']> {
  if (!fineTuning) return undefined
  const { port, python } = fineTuning
  const key = devnetKey(account)
  try {
    const at = { model, modelRoot, key, port, host, rpcUrl, indexerUrl, python, adapters }
    const trainer = await startFineTuningProvider(env, at)
    closers.add(() => trainer.close())
    return { url: trainer.url }
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) }
  }
}

/** The same in a process of its own. @throws {ProcessFailedError} */
export async function superviseModelProvider(
  dataFolder: string,
  settings: ModelProviderSettings,
  emit: (event: DevnetEvent) => void,
): Promise<ModelProvider> {
  const name = `provider ${devnetKey(settings.account).address} of ${settings.model.id}`
  let opened: unknown
  const child = superviseProcess({
    name,
    words: [join(import.meta.dirname, 'modelProviderProcess.ts'), dataFolder, JSON.stringify(settings)],
    environment: { NODE_COMPILE_CACHE: join(weightsCacheFolder(), 'compiled') },
    openMsMax,
    onOpen: (line) => {
      opened = line
    },
    onCrash: (reason) => emit({ type: 'warning', message: `${name} ended and is started again: ${lastLine(reason)}` }),
  })
  try {
    await child.start()
  } catch (error) {
    await child.stop()
    throw error
  }
  return { ...(opened as ModelProviderOpen), close: () => child.stop() }
}

/** A large model on a slow disk takes its time. */
const openMsMax = 180_000

const lastLine = (text: string): string => text.split('\n').findLast((line) => line.trim() !== '') ?? text
