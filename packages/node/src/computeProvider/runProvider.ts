/** A compute provider as a process of its own: takes its folder, loads its key, opens its engine, registers, serves, drains. */
import { join, resolve } from 'node:path'
import { bytesToHex, WeightlessError } from '@weightless/codec'
import {
  askHandOver,
  type ComputeContracts,
  type DrainOptions,
  type Engine,
  type Predecessor,
  type Provider,
  startProvider,
} from '@weightless/compute'
import type { Env } from '@weightless/env'
import { createNodeEnv } from '@weightless/env/node'
import { privateKeyToAccount } from 'viem/accounts'
import { loadOperatorToken } from '../apiKey.ts'
import { type DataFolder, takeDataFolder } from '../dataFolder.ts'
import { createClosers } from '../devnet/closeInOrder.ts'
import { loadNodeKey } from '../storageNode/nodeKey.ts'
import { concurrentOf, type EngineSource, openSource } from './engineSource.ts'
import { type ProviderFile, readProviderFile, removeProviderFile, writeProviderFile } from './providerFile.ts'

export type { DrainOptions, ProviderStatus } from '@weightless/compute'

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
  /** Takes over from the process that runs with this folder, on its port, while that one ends its streams. COMPUTE §12.2 */
  takeOver?: boolean
  /** The operator asks for the end: whoever runs this drains and closes. */
  onDrainAsked?: (options: DrainOptions) => void
}

export type RunningProvider = Pick<Provider, 'address' | 'url' | 'drain' | 'moved' | 'finishMoved'> & {
  close(): Promise<void>
}

/** The account that stakes, earns and signs; made where there is none. @throws {NodeKeyDamagedError} */
export function providerAccount(dataFolder: string) {
  return privateKeyToAccount(bytesToHex(loadNodeKey(join(dataFolder, 'provider.key'))))
}

/**
 * Resolves when it is registered and open, and, with `takeOver`, when the process before it has passed everything on.
 * @throws {UpstreamFailedError} {DataFolderBusyError} {PortInUseError} {HandoverFailedError} after closing what was opened
 */
export async function runProvider(options: ProviderProcessOptions): Promise<RunningProvider> {
  const closers = createClosers()
  try {
    const path = resolve(options.dataFolder)
    const before = options.takeOver ? readProviderFile(path) : undefined
    return await (before ? takeOver(options, path, before, closers) : start(options, path, closers))
  } catch (error) {
    await closers.close()
    throw error
  }
}

type Closers = ReturnType<typeof createClosers>

async function start(options: ProviderProcessOptions, path: string, closers: Closers): Promise<RunningProvider> {
  const folder = takeFolder(path, closers)
  const env = openEnv(options, path, closers)
  const provider = await open(options, {
    env,
    path,
    folder,
    closers,
    openEngine: () => openSource(env, options.model, options.source),
  })
  return describe(options, path, provider, closers)
}

/** What takes long comes first; from the moment that the other lets go, requests wait. */
async function takeOver(
  options: ProviderProcessOptions,
  path: string,
  before: ProviderFile,
  closers: Closers,
): Promise<RunningProvider> {
  const port = Number(new URL(before.url).port)
  if (options.port !== 0 && options.port !== port) throw new OtherPortError({ running: port, asked: options.port })
  const env = openEnv(options, path, closers)
  const engine = await openSource(env, options.model, options.source)
  closers.add(() => engine.close())
  const predecessor = await askHandOver(env, before.controlUrl, loadOperatorToken(path))
  if (predecessor) closers.add(predecessor.abandon)
  const folder = takeFolder(path, closers)
  const adoption = predecessor && { adoption: predecessor.adoption }
  const parts = { env, path, folder, closers, openEngine: async () => engine, ...adoption }
  const provider = await open({ ...options, port }, parts)
  await predecessor?.confirm({ url: provider.url, controlUrl: provider.controlUrl! })
  return describe(options, path, provider, closers)
}

function openEnv({ log }: ProviderProcessOptions, dataFolder: string, closers: Closers): Env {
  const env = createNodeEnv({ dataFolder, log })
  closers.add(() => env.close())
  return env
}

/** The folder's lock: given to a process that takes over, and taken again when that process is gone. */
function takeFolder(path: string, closers: Closers) {
  let lock: DataFolder | undefined = takeDataFolder(path)
  const letGo = () => {
    lock?.release()
    lock = undefined
  }
  closers.add(letGo)
  return {
    letGo,
    takeFolder() {
      lock ??= takeDataFolder(path)
    },
    findControlUrl() {
      const file = readProviderFile(path)
      return file && file.pid !== process.pid ? file.controlUrl : undefined
    },
  }
}

async function open(
  options: ProviderProcessOptions,
  parts: {
    env: Env
    path: string
    folder: ReturnType<typeof takeFolder>
    closers: Closers
    openEngine: () => Promise<Engine>
    adoption?: Predecessor['adoption']
  },
): Promise<Provider> {
  const { env, path, folder, closers, openEngine, adoption } = parts
  const provider = await startProvider({
    ...{ ...options, env, openEngine },
    account: providerAccount(path),
    operatorToken: loadOperatorToken(path),
    limits: concurrentOf(options.source),
    handOverFolder: folder,
    ...(adoption && { adoption }),
  })
  closers.add(() => provider.close())
  await provider.ready
  return provider
}

function describe(
  { model, version }: ProviderProcessOptions,
  path: string,
  provider: Provider,
  closers: Closers,
): RunningProvider {
  const { address, url, controlUrl, drain, moved, finishMoved } = provider
  writeProviderFile(path, { pid: process.pid, url, controlUrl: controlUrl!, address, model, version })
  let isMoved = false
  void moved.then(() => {
    isMoved = true
  })
  closers.add(() => {
    // The file is the other process's then, which writes its own name over ours.
    if (!isMoved) removeProviderFile(path, process.pid)
  })
  return { address, url, drain, moved, finishMoved, close: () => closers.close() }
}

export class OtherPortError extends WeightlessError {
  constructor(facts: { running: number; asked: number }) {
    super('node/other-port', 'A process that takes over listens where the running one does.', facts, {
      hint: 'Leave --port out, or drain the running one first.',
    })
  }
}
