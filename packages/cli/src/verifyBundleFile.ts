/** Re-executes a bundle with weights from the storage network, or from a file that must have the receipt's model root. */
import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { WeightlessError } from '@weightless/codec'
import { openFileSource, rootOfFile } from '@weightless/node/openFileSource'
import { miniLm } from '@weightless/node/weights/modelSources'
import { resolveEncoder } from '@weightless/node/weights/resolveEncoder'
import { type Bundle, checks, isChatBundle, type Verification, verifyBundle, verifyPrint } from '@weightless/receipt'
import { verifyEmbeddings } from '@weightless/sdk'
import type { Command } from 'commander'
import { withClient } from './connect.ts'
import { createProgressBar } from './progressBar.ts'
import { exchangeFiles } from './receiptFile.ts'

export type VerifyFileOptions = {
  weights?: string
  model?: string
  request?: string
  response?: string
  encoder?: string
}

/** @param path - of the bundle; question and answer beside it are taken where a fingerprint asks for them */
export async function verifyBundleFile(
  path: string,
  bundle: Bundle,
  options: VerifyFileOptions,
  command: Command,
): Promise<Verification> {
  const exchange = await readExchange(path, bundle, options)
  if (options.request && !exchange) return verifyEmbeddingsFile(bundle, options.request, options.encoder)
  const weights = options.weights ?? options.model
  if (weights && exchange) return verifyPrint(bundle, { ...exchange, loadWeights: () => readBytes(weights) })
  if (weights) return verifyOffline(bundle, weights)
  return withClient(command, async (client) => {
    const bar = createProgressBar('weights')
    const outcome = await client.receipts.verify(bundle, {
      ...(exchange && { exchange }),
      onModelProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
    })
    bar.finish()
    return outcome
  })
}

const readBytes = async (path: string): Promise<Uint8Array> => Uint8Array.from(await readFile(path))

/** @throws {ExchangeMissingError} */
async function readExchange(path: string, { receipt }: Bundle, { request, response }: VerifyFileOptions) {
  const beside = exchangeFiles(path)
  if (response && !request) throw new ExchangeMissingError()
  if (request && response) return { request: await readBytes(request), response: await readBytes(response) }
  if (request || receipt.check !== checks.fingerprint || !existsSync(beside.response)) return undefined
  return { request: await readBytes(beside.request), response: await readBytes(beside.response) }
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
  const [weights, config, tokenizer] = await Promise.all([paths.weights, paths.config, paths.tokenizer].map(readBytes))
  const files = { weights: weights!, config: config!, tokenizer: tokenizer! }
  return verifyEmbeddings(bundle, { request: await readBytes(request), files })
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
    super('cli/exchange-missing', 'A fingerprint is weighed with --request beside --response.', {})
  }
}

export class WeightsRootError extends WeightlessError {
  constructor(facts: { expected: string; found: string }) {
    super('cli/weights-root', 'This file is not the model of the receipt.', facts)
  }
}
