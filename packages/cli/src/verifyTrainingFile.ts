/** Trains again what a receipt says was trained: weights from the storage network or a file, the plain dataset from a file. */
import { readFile } from 'node:fs/promises'
import { type TrainingVerification, verifyTraining } from '@weightless/compute/client'
import type { TrainingBundle } from '@weightless/receipt/training'
import { contractAddress } from '@weightless/sdk'
import type { Command } from 'commander'
import { withClient } from './connect.ts'
import { remark } from './output.ts'
import { createProgressBar } from './progressBar.ts'

export type TrainingInputs = { weights?: string; dataset?: string }

export async function verifyTrainingFile(
  bundle: TrainingBundle,
  { weights, dataset }: TrainingInputs,
  command: Command,
): Promise<TrainingVerification> {
  if (dataset === undefined) return verifyTraining(bundle, {})
  const lines = new Uint8Array(await readFile(dataset))
  if (weights !== undefined) {
    return verifyTraining(bundle, { weights: new Uint8Array(await readFile(weights)), dataset: lines, onStep })
  }
  return withClient(command, async (client) => {
    const bar = createProgressBar('weights')
    const onProgress = (progress: { doneBytes: number; totalBytes: number }) =>
      bar.update(progress.doneBytes, progress.totalBytes)
    const bytes = await client.files.download(bundle.receipt.modelRoot, { isRaw: true, onProgress })
    bar.finish()
    const { config } = client
    // A receipt of another chain or contract may be true there; it is worth nothing here.
    const expected = { chainId: BigInt(config.chain.chainId), settlement: contractAddress(config, 'fineTuningServing') }
    return verifyTraining(bundle, { weights: bytes, dataset: lines, expected, onStep })
  })
}

/** Ten times in all. */
function onStep(step: number, steps: number): void {
  if (step % Math.ceil(steps / 10) === 0) remark(`trained again: step ${step} of ${steps}`)
}
