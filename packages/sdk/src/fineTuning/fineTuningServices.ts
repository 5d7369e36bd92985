/** Who fine-tunes which models at what price: the registry on the chain, and what each provider says of its models. */
import type { Hex } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import type { ClientContext } from '../clientContext.ts'
import { contractAddress } from '../networkConfig.ts'
import { askTrainer } from './askTrainer.ts'

export type FineTuningProvider = {
  provider: Hex
  url: string
  /** For each token of each training step. */
  weiPerToken: bigint
  models: string[]
}

export type TrainableModel = {
  name: string
  /** Storage root of the weights. */
  root: Hex
  description: string
  /** What trains it: the embedded trainer, or another program. */
  worker: string
}

/** Services with an address that is none are left out. */
export async function listFineTuningProviders({ config, ledger }: ClientContext): Promise<FineTuningProvider[]> {
  const services = await ledger.read({
    address: contractAddress(config, 'fineTuningServing'),
    abi: abis.fineTuningServing,
    functionName: 'getAllServices',
  })
  return services
    .filter(({ url }) => /^https?:\/\//.test(url) && URL.canParse(url))
    .map(({ provider, url, pricePerToken, models }) => ({
      provider: provider.toLowerCase() as Hex,
      url: url.replace(/\/+$/, ''),
      weiPerToken: pricePerToken,
      models: [...models],
    }))
}

export async function listTrainableModels(
  context: ClientContext,
  trainer: FineTuningProvider,
): Promise<TrainableModel[]> {
  const answer = await askTrainer(context, trainer, '/v1/model')
  const list = Array.isArray(answer) ? answer : Object.values((answer ?? {}) as object).flat()
  return list.flatMap((entry) => {
    const { name, hash, description, worker } = (entry ?? {}) as Record<string, unknown>
    if (typeof name !== 'string' || typeof hash !== 'string') return []
    return [{ name, root: hash as Hex, description: String(description ?? ''), worker: String(worker ?? '') }]
  })
}
