/** The composition root: starts every service of a devnet in order, and tells each step as an event. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { addresses, genesis } from '@weightless/contracts'
import { isLoopback } from '@weightless/env'
import { createNodeEnv, type NodeEnv } from '@weightless/env/node'
import { startKeyValueNode } from '@weightless/kv'
import { loadApiKey, loadManagementKey, loadOperatorToken } from './apiKey.ts'
import { createWeightsShelf, type WeightsShelf } from './computeGateway/weightsShelf.ts'
import { takeDataFolder } from './dataFolder.ts'
import { createClosers } from './devnet/closeInOrder.ts'
import { devnetKey, devnetKeys, gatewayAccountIndex } from './devnet/devnetKeys.ts'
import { doFirstLight } from './devnet/firstLight.ts'
import { fundAccount } from './devnet/fundAccount.ts'
import { createModelHost, type ModelHost, providerPortsFor } from './devnet/modelHost.ts'
import { findEncoder, loadModelFiles } from './devnet/modelLoader.ts'
import { nameDamage } from './devnet/nameDamage.ts'
import { type MiningPlan, minerFundsWei, planMining } from './devnet/planMining.ts'
import { planPeers } from './devnet/planPeers.ts'
import { createConfigState } from './devnet/publicConfig.ts'
import { startAudits } from './devnet/startAudits.ts'
import { startChain } from './devnet/startChain.ts'
import { startComputeGateway } from './devnet/startComputeGateway.ts'
import { type HolderPlan, type RunningHolders, startHolders } from './devnet/startHolders.ts'
import { startS3 } from './devnet/startS3.ts'
import { type RunningStorage, startStorageNetwork } from './devnet/startStorageNetwork.ts'
import { type DevnetFile, writeDevnetFile } from './devnetFile.ts'
import type { DevnetEvent, DevnetOptions, ServiceName } from './devnetOptions.ts'
import { findFreePorts, type PortPlan, planPorts } from './portPlan.ts'
import { serveConsole } from './serveConsole.ts'
import { checkModelFile } from './weights/addModel.ts'

export type Devnet = {
  /** As written to `devnet.json`; grows as models open. */
  file: DevnetFile
  /** Resolves when the models of the start are open, or could not be had. Never rejects. */
  modelsSettled: Promise<void>
  /** Stops every service, last first; all state stays. */
  close(): Promise<void>
}

type Running = {
  /** Grows as models open. */
  weights: WeightsShelf
  env: NodeEnv
  folder: string
  options: DevnetOptions
  ports: PortPlan
  host: string
  emit(event: DevnetEvent): void
  signal: AbortSignal
}

/**
 * Resolves when chain, storage, gateway and console answer; models open in the background.
 * @throws {DataFolderBusyError | PortsExhaustedError | …} after closing what was opened
 */
export async function startDevnet(options: DevnetOptions = {}): Promise<Devnet> {
  const host = options.host ?? '127.0.0.1'
  if (!isLoopback(host)) throw new WellKnownKeysError({ host })
  // Before anything starts: who names a file wants that file, not a devnet without it.
  if (options.modelPath !== undefined) await checkModelFile(options.modelPath)
  const closers = createClosers()
  const stop = new AbortController()
  try {
    const data = takeDataFolder(options.dataFolder ?? '.weightless')
    closers.add(data.release)
    const env = createNodeEnv({ dataFolder: data.path, log: options.log ?? 'silent' })
    closers.add(() => env.close())
    const config = createConfigState({ withKeys: true })
    const emit = (event: DevnetEvent) => {
      config.onEvent(event)
      options.onEvent?.(event)
    }
    const ports = await choosePorts(options, emit)
    const weights = createWeightsShelf()
    const running: Running = { weights, env, folder: data.path, options, ports, host, emit, signal: stop.signal }
    const file = await startServices(running, closers, config.describe)
    const models = openModels(running, file)
    closers.add(() => models.close())
    closers.add(() => models.ended)
    closers.add(() => stop.abort())
    return { file, modelsSettled: models.settled, close: () => closers.close() }
  } catch (error) {
    await closers.close()
    throw error
  }
}

async function choosePorts(options: DevnetOptions, emit: (event: DevnetEvent) => void): Promise<PortPlan> {
  const providers = providerPortsFor(options.providers ?? providersDefault)
  const counts = { nodes: options.nodes ?? 6, providers, peers: options.peers !== false }
  const wanted = options.portBase ?? 0
  if (options.portsExact) return planPorts(wanted, counts)
  const { plan, portBase, busyPorts } = await findFreePorts(wanted, counts)
  if (busyPorts.length > 0) emit({ type: 'ports', busyPorts, portBase })
  return plan
}

async function startServices(
  running: Running,
  closers: ReturnType<typeof createClosers>,
  describe: (file: DevnetFile) => object,
): Promise<DevnetFile> {
  const { env, host, ports, emit } = running
  const startedMs = env.clock.monotonicMs()
  const announce = timer(env, emit)
  const { folder, options } = running
  const { allowedOrigins } = options
  const peers = options.peers === false ? undefined : planPeers(ports.peers)
  const mining = options.mining === false ? undefined : planMining()
  const holders = beginHolders(running, { peers, mining })
  closers.add(() => holders.close())
  const chain = await nameDamage(join(folder, 'chain'), () =>
    startChain(env, { port: ports.chain, host, ...(allowedOrigins && { allowedOrigins }) }),
  )
  closers.add(() => chain.close())
  announce('chain', chain.rpcUrl, `block ${chain.chain.head().number}`)
  const storage = await startStorageNetwork(env, {
    ...running,
    ...{ rpcUrl: chain.rpcUrl, dataFolder: folder, holders, peers },
  })
  closers.add(() => storage.close())
  // Before what they ask all the time is gone; after a failed start the first entry does it.
  closers.add(() => holders.close())
  const { indexerUrl } = storage
  announce('storage', indexerUrl, storage.note)
  await beginMining(running, chain.rpcUrl, mining)
  const further = await startFurther(running, closers, { rpcUrl: chain.rpcUrl, indexerUrl }, announce)
  const apiKey = loadApiKey(folder)
  const managementKey = loadManagementKey(folder)
  const gateway = await nameDamage(folder, () =>
    startComputeGateway(env, {
      port: ports.gateway,
      host,
      rpcUrl: chain.rpcUrl,
      apiKey,
      managementKey,
      payer: devnetKey(gatewayAccountIndex),
      weights: running.weights,
    }),
  )
  closers.add(() => gateway.close())
  announce('compute gateway', `${gateway.url}/v1`)
  const file: DevnetFile = {
    chain: {
      rpcUrl: chain.rpcUrl,
      wsUrl: chain.wsUrl,
      chainId: genesis.chainId,
      accounts: devnetKeys().map(({ address, privateKey }) => ({ address, privateKey })),
    },
    contracts: { ...addresses },
    storage: describeStorage(storage, mining),
    ...further,
    compute: {
      gatewayUrl: gateway.url,
      apiKey,
      managementKey,
      operatorToken: loadOperatorToken(folder),
      providers: [],
    },
    console: { url: '' },
  }
  if (options.console !== false) {
    const server = await openConsole(running, holders, () => describe(file))
    closers.add(() => server.close())
    file.console.url = server.url
    announce('console', server.url, existsSync(join(consoleFolder, 'index.html')) ? undefined : 'not built')
  }
  writeDevnetFile(folder, file)
  emit({ type: 'ready', tookMs: env.clock.monotonicMs() - startedMs })
  return file
}

function describeStorage({ indexerUrl, nodeUrls, peers }: RunningStorage, mining: MiningPlan | undefined) {
  const miner = mining && { mining: { node: mining.node, account: mining.account } }
  return { indexerUrl, nodeUrls, ...(peers && { peers }), ...miner }
}

function openConsole({ env, host, ports }: Running, { nodes }: RunningHolders, config: () => object) {
  const { network } = env
  return serveConsole(network, { port: ports.console, host, folder: consoleFolder, config, storageNodes: nodes })
}

/** Before the chain is up: processes take their time, and wait for it. */
function beginHolders(
  { env, host, ports, folder, options, emit }: Running,
  plans: Pick<HolderPlan, 'peers' | 'mining'>,
): RunningHolders {
  return startHolders(env, {
    ...{ host, dataFolder: folder, emit, ports: ports.storageNodes, processes: options.storageProcesses === true },
    rpcUrl: `http://${host}:${ports.chain}`,
    indexerUrl: `http://${host}:${ports.storage}`,
    ...plans,
  })
}

/** So that the miner can pay for its id; it waits until it can. */
async function beginMining({ env, emit }: Running, rpcUrl: string, mining: MiningPlan | undefined): Promise<void> {
  if (!mining) return
  const { account, node, share } = mining
  await fundAccount(env, rpcUrl, account, minerFundsWei)
  emit({ type: 'mining', node, account, share })
}

/** The layers above the log: key-value streams and S3, each listed because it runs. */
async function startFurther(
  { env, host, ports, folder }: Running,
  closers: ReturnType<typeof createClosers>,
  at: { rpcUrl: string; indexerUrl: string },
  announce: ReturnType<typeof timer>,
): Promise<Pick<DevnetFile, 'kv' | 's3'>> {
  const network = { flowAddress: addresses.flow, chainId: genesis.chainId }
  const kv = await nameDamage(join(folder, 'kv'), () =>
    startKeyValueNode({ env, ...at, ...network, host, port: ports.keyValue }),
  )
  closers.add(() => kv.close())
  announce('key-value', kv.url)
  const { close, ...s3 } = await nameDamage(join(folder, 's3'), () =>
    startS3(env, { ...at, host, port: ports.s3, dataFolder: folder }),
  )
  closers.add(close)
  announce('S3', s3.url)
  return { kv: { url: kv.url }, s3 }
}

/** Opens the models one after another, then does first light, then watches for models that are added. */
function openModels(
  running: Running,
  file: DevnetFile,
): { settled: Promise<void>; ended: Promise<void>; close(): Promise<void> } {
  const { env, options, folder, emit, signal, ports, host, weights } = running
  const models = createModelHost({
    env,
    weights,
    file,
    ports,
    host,
    dataFolder: folder,
    providers: options.providers ?? providersDefault,
    processes: options.providerProcesses === true,
    fineTuning: options.fineTuning === false ? undefined : trainingWith(options.fineTuningPython),
    signal,
    emit,
    onChange: () => writeDevnetFile(folder, file),
  })
  const settled = (async () => {
    await loadModelFiles({ ...options, dataFolder: folder, signal }, emit, models.openFirst, models.open)
    if (models.opened() > 0 && options.firstLight !== false && !signal.aborted) {
      await doFirstLight(env, { file, folder, payer: devnetKey(gatewayAccountIndex), signal, emit })
    }
    // Last, so that the first model of the list is one that chats.
    const encoder = options.embeddings && !signal.aborted ? await findEncoder(signal, emit) : undefined
    if (encoder) await models.open(encoder)
  })().catch((error: unknown) => {
    const hint = error instanceof WeightlessError ? error.hint : undefined
    emit({ type: 'warning', message: messageOf(error), ...(hint && { hint }) })
  })
  const audits = settled.then(() => (options.audits ? beginAudits(running, file, models) : undefined))
  return {
    settled,
    ended: Promise.all([audits, settled.then(() => models.watchAdded(folder))]).then(() => undefined),
    async close() {
      await (await audits)?.close()
      await models.close()
    },
  }
}

/** Last of all, so that nobody waits for it; the devnet is whole without. */
async function beginAudits({ env, folder, host, signal, emit }: Running, file: DevnetFile, models: ModelHost) {
  if (models.opened() === 0 || signal.aborted) return undefined
  try {
    return await startAudits({ env, file, dataFolder: folder, host, weights: models.weights(), signal, emit })
  } catch (error) {
    if (!signal.aborted) emit({ type: 'warning', message: `no audits: ${messageOf(error)}` })
    return undefined
  }
}

const trainingWith = (python: string | undefined) => (python === undefined ? {} : { python })

function timer(env: NodeEnv, emit: (event: DevnetEvent) => void) {
  let sinceMs = env.clock.monotonicMs()
  return (name: ServiceName, url: string, note?: string) => {
    const nowMs = env.clock.monotonicMs()
    emit({ type: 'service', name, url, tookMs: nowMs - sinceMs, ...(note && { note }) })
    sinceMs = nowMs
  }
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Two keys at two prices: what a market needs at least. */
const providersDefault = 2

const consoleFolder = join(import.meta.dirname, '../../../apps/console/dist')

export class WellKnownKeysError extends WeightlessError {
  constructor(facts: { host: string }) {
    super('node/well-known-keys', 'A devnet pays with well-known keys, so it binds to loopback only.', facts, {
      hint: 'Reach it from elsewhere through a tunnel that you trust (ssh -L).',
    })
  }
}
