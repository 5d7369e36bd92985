/** Re-executes a bundle with weights from the storage network, or from a file that must have the receipt's model root. */
import { WeightlessError } from '@weightless/codec'
import { openFileSource, rootOfFile } from '@weightless/node/openFileSource'
import { type Bundle, isChatBundle, type Verification, verifyBundle } from '@weightless/receipt'
import type { Command } from 'commander'
import { withClient } from './connect.ts'
import { createProgressBar } from './progressBar.ts'

export async function verifyBundleFile(
  bundle: Bundle,
  options: { weights?: string },
  command: Command,
): Promise<Verification> {
  if (options.weights) return verifyOffline(bundle, options.weights)
  return withClient(command, async (client) => {
    const bar = createProgressBar('weights')
    const outcome = await client.receipts.verify(bundle, {
      onModelProgress: ({ doneBytes, totalBytes }) => bar.update(doneBytes, totalBytes),
    })
    bar.finish()
    return outcome
  })
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

export class WeightsRootError extends WeightlessError {
  constructor(facts: { expected: string; found: string }) {
    super('cli/weights-root', 'This file is not the model of the receipt.', facts)
  }
}
