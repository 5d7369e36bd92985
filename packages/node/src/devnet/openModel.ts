/** Has providers of the devnet serve one model: stores the file once, then each loads it, registers, opens and is vouched for. */
import type { Hex } from '@weightless/codec'
import { abis, addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import { parseEther } from 'viem'
import { loadOperatorToken } from '../apiKey.ts'
import type { DevnetEvent } from '../devnetOptions.ts'
import { checkModelFile } from '../weights/addModel.ts'
import { devnetKey, gatewayAccountIndex } from './devnetKeys.ts'
import { fundAccount } from './fundAccount.ts'
import type { ModelFile } from './modelLoader.ts'
import {
  type ModelProvider,
  type ModelProviderSettings,
  openModelProvider,
  superviseModelProvider,
} from './startModelProvider.ts'
import { storeModel } from './storeModel.ts'

export type StoreOptions = {
  model: ModelFile
  rpcUrl: string
  indexerUrl: string
  signal: AbortSignal
  emit(event: DevnetEvent): void
}

/** Gives the storage root of the model's file. @throws {ModelFileError} {GgufInvalidError} and what storing throws */
export async function checkAndStore(env: Env, options: StoreOptions): Promise<Hex> {
  const { model, emit } = options
  const startedMs = env.clock.monotonicMs()
  if (!model.encoder) await checkModelFile(model.path)
  const payer = devnetKey(gatewayAccountIndex)
  const { root } = await storeModel(env, { ...options, payer, path: model.path })
  emit({ type: 'weights-stored', model: model.id, root, tookMs: env.clock.monotonicMs() - startedMs })
  return root
}

export type ServeOptions = {
  /** The devnet's. */
  dataFolder: string
  /** As a process of its own. */
  processes: boolean
  emit(event: DevnetEvent): void
}

/** Resolves when the provider answers and the registry's owner has vouched for its key. @throws {ProcessFailedError} … */
export async function serveModel(
  env: Env,
  settings: ModelProviderSettings,
  { dataFolder, processes, emit }: ServeOptions,
): Promise<ModelProvider> {
  const { model, rpcUrl } = settings
  const { address } = devnetKey(settings.account)
  if (settings.rank > 0) await fundProvider(env, rpcUrl, address)
  const provider = processes
    ? await superviseModelProvider(dataFolder, settings, emit)
    : await openModelProvider(env, settings, loadOperatorToken(dataFolder))
  try {
    await acknowledge(env, rpcUrl, address)
  } catch (error) {
    await provider.close()
    throw error
  }
  emit({ type: 'model-open', model: model.id, provider: address, url: provider.url })
  return provider
}

/** For its gas; beside that, its stake, as long as it is not in the registry. */
const gasWei = parseEther('10')

async function fundProvider(env: Env, rpcUrl: string, address: Hex): Promise<void> {
  const ledger = createLedger({ rpcUrl, env })
  const registry = { address: addresses.inferenceServing, abi: abis.inferenceServing } as const
  const stakeWei = await ledger.read({ ...registry, functionName: 'MIN_PROVIDER_STAKE' })
  await fundAccount(env, rpcUrl, address, stakeWei + gasWei)
}

/** The registry's owner vouches for the provider's key; without it the existing compute SDK takes no answer for good. */
async function acknowledge(env: Env, rpcUrl: string, address: Hex): Promise<void> {
  const ledger = createLedger({ rpcUrl, env, account: devnetKey(genesis.ownerAccountIndex).account })
  const registry = { address: addresses.inferenceServing, abi: abis.inferenceServing, args: [address] } as const
  if ((await ledger.read({ ...registry, functionName: 'getService' })).teeSignerAcknowledged) return
  await ledger.submit({ ...registry, functionName: 'acknowledgeTEESignerByOwner' })
}
