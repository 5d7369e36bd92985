/** Seals a dataset so that its trainer alone can read it, for this account alone. The trainer's key counts when its account signed it. FINETUNING §3.1 */
import { type Hex, hexToBytes, isHexOf, WeightlessError } from '@weightless/codec'
import { datasetKeyText } from '@weightless/compute/wire'
import { sealFile } from '@weightless/envelope'
import { hashMessage, recoverAddress } from 'viem'
import type { ClientContext } from '../clientContext.ts'
import { askTrainer, type TrainerAddress } from './askTrainer.ts'

/** @throws {DatasetKeyError} the trainer takes none that are sealed, or its key is not its own */
export async function sealDataset(
  context: ClientContext,
  trainer: TrainerAddress,
  user: Hex,
  dataset: Uint8Array,
): Promise<Uint8Array> {
  const recipient = hexToBytes(await readDatasetKey(context, trainer))
  return sealFile(dataset, { recipient, provider: trainer.provider, user })
}

async function readDatasetKey(context: ClientContext, trainer: TrainerAddress): Promise<Hex> {
  const { provider } = trainer
  const quote = (await askTrainer(context, trainer, '/v1/quote')) as { dataset_key?: Record<string, unknown> } | null
  const { public_key: key, signature } = quote?.dataset_key ?? {}
  if (key === undefined) throw new DatasetKeyError({ provider }, 'The provider takes no sealed datasets.')
  const chainId = Number(context.config.chain.chainId)
  if (
    !isHexOf(key, 32) ||
    !isHexOf(signature, 65) ||
    !(await isSignedBy(provider, { chainId, provider, key }, signature))
  )
    throw new DatasetKeyError({ provider }, 'The key for sealed datasets is not signed by the provider.')
  return key
}

async function isSignedBy(
  provider: Hex,
  said: { chainId: number; provider: Hex; key: Hex },
  signature: Hex,
): Promise<boolean> {
  try {
    const signer = await recoverAddress({ hash: hashMessage(datasetKeyText(said)), signature })
    return signer.toLowerCase() === provider.toLowerCase()
  } catch {
    // No signature at all: hostile, or broken on its way.
    return false
  }
}

export class DatasetKeyError extends WeightlessError {
  constructor(facts: { provider: Hex }, message: string) {
    super('sdk/dataset-key', message, facts, {
      hint: 'Choose another provider, or send the dataset in the clear on purpose.',
    })
  }
}
