/** Signs what a training commits to, once it is done, and keeps it beside the task for its user. Spec: RECEIPT §9 */
import { bytesToHex, bytesToText, type Hex, textToBytes } from '@weightless/codec'
import type { Disk, Random } from '@weightless/env'
import { signReceipt } from '@weightless/receipt'
import { makeTrainingReceipt, type TrainingOpening, trainingBundleToJson } from '@weightless/receipt/training'
import type { LocalAccount } from 'viem'
import { writeWholeFile } from './datasetShelf.ts'
import { seedBytes } from './encodeExamples.ts'
import type { FineTuningTask } from './task.ts'
import type { TrainingResult } from './trainingWorker.ts'

export type TrainingReceipts = {
  /** Durable when it resolves; one made earlier for the task, which nobody has seen, is replaced. */
  issue(task: FineTuningTask, facts: TrainingReceiptFacts): Promise<void>
  /** JSON; undefined when there is none. */
  read(id: string): Promise<string | undefined>
}

export type TrainingReceiptFacts = {
  seed: number
  /** Storage roots: of the plain dataset, and of the plain adapter. */
  plainRoot: Hex
  adapterRoot: Hex
  /** That are billed. */
  trainedTokens: number
  proof: TrainingResult['proof']
  nowMs: number
}

export type TrainingReceiptsOptions = {
  disk: Disk
  folder: string
  random: Random
  account: LocalAccount
  chainId: number
  fineTuningServing: Hex
  /** The registered name of a model. */
  nameOf(modelRoot: Hex): string
}

const receiptBytesMax = 1024 * 1024

export function createTrainingReceipts(options: TrainingReceiptsOptions): TrainingReceipts {
  const { disk, folder, random, account, chainId, nameOf } = options
  const settlement = options.fineTuningServing.toLowerCase() as Hex
  const provider = account.address.toLowerCase() as Hex
  const pathOf = (id: string) => `${folder}/${id}/receipt.json`
  return {
    async issue(task, { seed, plainRoot, adapterRoot, trainedTokens, proof, nowMs }) {
      const { id, user, modelRoot, datasetRoot, trainingParams, weiPerToken, nonce } = task
      const opening: TrainingOpening = {
        ...{ kind: 'training', salt: bytesToHex(random.bytes(32)), datasetRoot, plainRoot, adapterRoot },
        parameters: trainingParams,
        price: { model: nameOf(modelRoot), inputWeiPerToken: weiPerToken, outputWeiPerToken: 0n, updatedAt: 0n },
      }
      const receipt = makeTrainingReceipt(
        {
          ...{ chainId: BigInt(chainId), user, provider, modelRoot, trainedTokens, jobNonce: nonce, proof },
          ...{ seed: bytesToHex(seedBytes(seed)), timestampSeconds: Math.floor(nowMs / 1000) },
        },
        opening,
      )
      const signature = await signReceipt(receipt, settlement, account)
      const json = JSON.stringify(trainingBundleToJson({ settlement, receipt, signature, opening }))
      await writeWholeFile(disk, pathOf(id), textToBytes(json))
    },
    async read(id) {
      if (!(await disk.exists(pathOf(id)))) return undefined
      const file = await disk.open(pathOf(id), 'read')
      try {
        return bytesToText(await file.read(0, Math.min(await file.size(), receiptBytesMax)))
      } finally {
        await file.close()
      }
    },
  }
}
