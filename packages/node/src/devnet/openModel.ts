/** Has one provider of the devnet serve one model: stores the file, loads it in a worker, registers, opens. */
import { readFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { Hex } from '@weightless/codec'
import { openTensorEngine, type Provider, startProvider } from '@weightless/compute'
import type { AdapterShelf } from '@weightless/compute/finetune/adapterShelf'
import { abis, addresses, genesis } from '@weightless/contracts'
import type { Env } from '@weightless/env'
import { createLedger } from '@weightless/ledger'
import type { DevnetEvent } from '../devnetOptions.ts'
import { checkModelFile } from '../weights/addModel.ts'
import { type DevnetKey, devnetKey } from './devnetKeys.ts'
import type { ModelFile } from './modelLoader.ts'
import { storeModel } from './storeModel.ts'

export type OpenModelOptions = {
  model: ModelFile
  key: DevnetKey
  payer: DevnetKey
  port: number
  host: string
  rpcUrl: string
  indexerUrl: string
  signal: AbortSignal
  /** Adapters of this model that are served to their users. */
  adapters?: AdapterShelf
  emit(event: DevnetEvent): void
}

/** Prices of the devnet, in wei a token: a thousand tokens of answer cost two millionths of a token. */
const inputWeiPerToken = 1_000_000_000n
const outputWeiPerToken = 2_000_000_000n

/** Also gives the storage root of the model's file. */
export async function openModel(env: Env, options: OpenModelOptions): Promise<{ provider: Provider; modelRoot: Hex }> {
  const { model, key, emit } = options
  const startedMs = env.clock.monotonicMs()
  await checkModelFile(model.path)
  const { root } = await storeModel(env, { ...options, path: model.path })
  emit({ type: 'weights-stored', model: model.id, root, tookMs: env.clock.monotonicMs() - startedMs })
  const provider = await startProvider({
    env,
    folder: `provider-${key.address.toLowerCase()}`,
    rpcUrl: options.rpcUrl,
    chainId: genesis.chainId,
    contracts: addresses,
    account: key.account,
    port: options.port,
    host: options.host,
    openEngine: async () =>
      openTensorEngine({
        env,
        name: model.id,
        mates: availableParallelism() > 1 ? 1 : 0,
        weights: new Uint8Array(await readFile(model.path)),
      }),
    inputWeiPerToken,
    ...(options.adapters && { adapters: options.adapters }),
    outputWeiPerToken,
  })
  try {
    await provider.ready
    await acknowledge(env, options)
  } catch (error) {
    await provider.close()
    throw error
  }
  emit({ type: 'model-open', model: model.id, provider: key.address, url: provider.url })
  return { provider, modelRoot: root }
}

/** The registry's owner vouches for the provider's key; without it the existing compute SDK takes no answer for good. */
async function acknowledge(env: Env, { key, rpcUrl }: OpenModelOptions): Promise<void> {
  const ledger = createLedger({ rpcUrl, env, account: devnetKey(genesis.ownerAccountIndex).account })
  const registry = { address: addresses.inferenceServing, abi: abis.inferenceServing, args: [key.address] } as const
  if ((await ledger.read({ ...registry, functionName: 'getService' })).teeSignerAcknowledged) return
  await ledger.submit({ ...registry, functionName: 'acknowledgeTEESignerByOwner' })
}
