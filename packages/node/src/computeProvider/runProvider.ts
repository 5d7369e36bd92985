/** A compute provider as a process of its own: takes its folder, loads its key, opens its engine, registers, serves, drains. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesToHex, type Hex } from '@weightless/codec'
import {
  type ComputeContracts,
  type DrainOptions,
  type DrainReport,
  openUpstreamEngine,
  startProvider,
} from '@weightless/compute'
import type { ServiceName } from '@weightless/compute/wire'
import type { Env } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { privateKeyToAccount } from 'viem/accounts'
import { loadOperatorToken } from '../apiKey.ts'
import { takeDataFolder } from '../dataFolder.ts'
import { createClosers } from '../devnet/closeInOrder.ts'
import { loadNodeKey } from '../storageNode/nodeKey.ts'
import { openWeights } from './openWeights.ts'
import { removeProviderFile, writeProviderFile } from './providerFile.ts'

export type { DrainOptions, ProviderStatus } from '@weightless/compute'

/** Where the answers come from. */
export type EngineSource = UpstreamSource | WeightsSource

/** An OpenAI-compatible server. */
export type UpstreamSource = {
  upstream: string
  apiKey?: string
  upstreamModel?: string
  services: readonly ServiceName[]
  contextLength?: number
  tokenizerFile?: string
}

/** A GGUF file, run by the embedded engine: its answers can be re-executed. */
export type WeightsSource = { weightsFile: string }

export type ProviderProcessOptions = {
  source: EngineSource
  dataFolder: string
  rpcUrl: string
  chainId: number
  contracts: ComputeContracts
  /** The name under which it is sold. */
  model: string
  inputWeiPerToken: bigint
  outputWeiPerToken: bigint
  region?: string
  port: number
  host?: string
  publicUrl?: string
  log: 'text' | 'json' | 'silent'
  version: string
  /** The operator asks for the end: whoever runs this drains and closes. */
  onDrainAsked?: (options: DrainOptions) => void
}

export type RunningProvider = {
  address: Hex
  url: string
  drain(options?: DrainOptions): Promise<DrainReport>
  close(): Promise<void>
}

/** The account that stakes, earns and signs; made where there is none. @throws {NodeKeyDamagedError} */
export function providerAccount(dataFolder: string) {
  return privateKeyToAccount(bytesToHex(loadNodeKey(join(dataFolder, 'provider.key'))))
}

/** Resolves when it is registered and open. @throws {UpstreamFailedError} {DataFolderBusyError} {PortInUseError} after closing what was opened */
export async function runProvider(options: ProviderProcessOptions): Promise<RunningProvider> {
  const { source, model } = options
  const closers = createClosers()
  try {
    const folder = takeDataFolder(options.dataFolder)
    closers.add(folder.release)
    const env = createNodeEnv({ dataFolder: folder.path, log: options.log })
    closers.add(() => env.close())
    const provider = await startProvider({
      ...options,
      env,
      account: providerAccount(folder.path),
      operatorToken: loadOperatorToken(folder.path),
      openEngine: () =>
        'weightsFile' in source ? openWeights(env, model, source.weightsFile) : openUpstream(env, model, source),
    })
    closers.add(() => provider.close())
    await provider.ready
    const { address, url } = provider
    writeProviderFile(folder.path, { pid: process.pid, url, address, model, version: options.version })
    closers.add(() => removeProviderFile(folder.path, process.pid))
    return { address, url, drain: provider.drain, close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

async function openUpstream(env: Env, name: string, source: UpstreamSource) {
  const { upstream: url, services, apiKey, upstreamModel, contextLength, tokenizerFile } = source
  const tokenizer = tokenizerFile === undefined ? undefined : new Uint8Array(await readFile(tokenizerFile))
  return openUpstreamEngine({
    env,
    url,
    name,
    services,
    ...(apiKey && { apiKey }),
    ...(upstreamModel && { upstreamModel }),
    ...(contextLength && { contextLength }),
    ...(tokenizer && { tokenizer }),
  })
}
