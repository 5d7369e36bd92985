/** Re-executes a bundle with weights from the storage network, or from a file that must have the receipt's model root. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { openFileSource, rootOfFile } from '@weightless/node/openFileSource'
import { miniLm } from '@weightless/node/weights/modelSources'
import { resolveEncoder } from '@weightless/node/weights/resolveEncoder'
import { type Bundle, isChatBundle, type Verification, verifyBundle, verifyPrint } from '@weightless/receipt'
import { verifyEmbeddings } from '@weightless/sdk'
import type { Command } from 'commander'
import { withClient } from './connect.ts'
import { createProgressBar } from './progressBar.ts'

export type VerifyFileOptions = {
  weights?: string
  model?: string
  request?: string
  response?: string
  encoder?: string
}

export async function verifyBundleFile(
  bundle: Bundle,
  options: VerifyFileOptions,
  command: Command,
): Promise<Verification> {
  if (options.response) return verifyPrintFile(bundle, options)
  if (options.request) return verifyEmbeddingsFile(bundle, options.request, options.encoder)
  const weights = options.weights ?? options.model
  if (weights) return verifyOffline(bundle, weights)
  return withClient(command, async (client) => {
    const bar = createProgressBar('weights')
    const outcome = await client.receipts.verify(bundle, {
      onModelProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
    })
    bar.finish()
    return outcome
  })
}

/** @throws {ExchangeMissingError} */
async function verifyPrintFile(
  bundle: Bundle,
  { request, response, model, weights = model }: VerifyFileOptions,
): Promise<Verification> {
  if (!request || !response || !weights) throw new ExchangeMissingError()
  const read = async (path: string) => Uint8Array.from(await readFile(path))
  const exchange = { request: await read(request), response: await read(response) }
  return verifyPrint(bundle, { ...exchange, loadWeights: () => read(weights) })
}

/** @throws {WeightsUnavailableError} */
async function verifyEmbeddingsFile(
  bundle: Bundle,
  request: string,
  folder: string | undefined,
): Promise<Verification> {
  const paths = folder
    ? {
        weights: join(folder, 'model.safetensors'),
        config: join(folder, 'config.json'),
        tokenizer: join(folder, 'tokenizer.json'),
      }
    : (await resolveEncoder(miniLm)).paths
  const read = async (path: string) => new Uint8Array(await readFile(path))
  const [weights, config, tokenizer] = await Promise.all([paths.weights, paths.config, paths.tokenizer].map(read))
  const files = { weights: weights!, config: config!, tokenizer: tokenizer! }
  return verifyEmbeddings(bundle, { request: await read(request), files })
}

/** @throws {WeightsRootError} */
async function verifyOffline(bundle: Bundle, path: string): Promise<Verification> {
  if (!isChatBundle(bundle)) return verifyBundle(bundle, { loadWeights: async () => undefined })
  const found = await rootOfFile(path)
  if (found !== bundle.receipt.modelRoot) throw new WeightsRootError({ expected: bundle.receipt.modelRoot, found })
  const source = await openFileSource(path)
  try {
    return await verifyBundle(bundle, { loadWeights: async () => source })
  } finally {
    await source.close()
  }
}

export class ExchangeMissingError extends WeightlessError {
  constructor() {
    super('cli/exchange-missing', 'A fingerprint is weighed with --request, --response and --model.', {})
  }
}

export class WeightsRootError extends WeightlessError {
  constructor(facts: { expected: string; found: string }) {
    super('cli/weights-root', 'This file is not the model of the receipt.', facts)
  }
}
