/** Signs a training's quote before it, its receipt when it is done, and which file is delivered for that. Spec: RECEIPT §9 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import type { Disk, Random } from '@weightless/env'
import { brokenTerm, signAcceptance, signReceipt } from '@weightless/receipt'
import { signDelivery } from '@weightless/receipt/delivery'
import {
  makeTrainingReceipt,
  readTrainingBundle,
  type TrainingBundle,
  type TrainingOpening,
  trainingAuthorization,
  trainingBundleToJson,
} from '@weightless/receipt/training'
import type { LocalAccount } from 'viem'
import { readWholeFile, writeWholeFile } from '../wholeFile.ts'
import { parseJson } from '../wire/parseJson.ts'
import { seedBytes } from './encodeExamples.ts'
import type { FineTuningTask, TaskQuote } from './task.ts'
import { TrainingRefusedError, type TrainingResult } from './trainingWorker.ts'

export type TrainingReceipts = {
  /** The provider's word, before it trains, for a task whose plan is known: good for so long. */
  quote(task: FineTuningTask, facts: QuoteFacts): Promise<TaskQuote>
  /**
   * Durable when it resolves; one made earlier for the task, which nobody has seen, is replaced.
   * @throws {TrainingRefusedError} it would break the task's quote: nothing is signed then
   */
  issue(task: FineTuningTask, facts: TrainingReceiptFacts): Promise<void>
  /** JSON, with which file is delivered from when that is known; undefined when there is none. */
  read(task: FineTuningTask): Promise<string | undefined>
}

export type QuoteFacts = { plainRoot: Hex; feeWei: bigint; deadlineSeconds: number }

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
  const place = { chainId: BigInt(chainId), settlement }
  const openingOf = (task: FineTuningTask, salt: Hex, plainRoot: Hex) => ({
    ...{ kind: 'training' as const, salt, datasetRoot: task.datasetRoot, plainRoot, parameters: task.trainingParams },
    price: {
      ...{ model: nameOf(task.modelRoot), inputWeiPerToken: task.weiPerToken },
      ...{ outputWeiPerToken: 0n, updatedAt: 0n },
    },
  })
  const pathOf = (id: string) => `${folder}/${id}/receipt.json`
  return {
    async quote(task, { plainRoot, feeWei, deadlineSeconds }) {
      const salt = bytesToHex(random.bytes(32))
      const job = { user: task.user, provider, jobNonce: task.nonce }
      const terms = { maxFee: feeWei, deadlineSeconds }
      const authorization = trainingAuthorization(job, openingOf(task, salt, plainRoot), terms)
      return { salt, authorization, signature: await signAcceptance(authorization, place, account) }
    },
    async issue(task, { seed, plainRoot, adapterRoot, trainedTokens, proof, nowMs }) {
      const { id, user, modelRoot, nonce, quote } = task
      const salt = quote?.salt ?? bytesToHex(random.bytes(32))
      const opening: TrainingOpening = { ...openingOf(task, salt, plainRoot), adapterRoot }
      const receipt = makeTrainingReceipt(
        {
          ...{ chainId: place.chainId, user, provider, modelRoot, trainedTokens, jobNonce: nonce, proof },
          ...{ seed: bytesToHex(seedBytes(seed)), timestampSeconds: Math.floor(nowMs / 1000) },
        },
        opening,
      )
      const broken = quote && brokenTerm(quote.authorization, receipt)
      if (broken) throw new TrainingRefusedError({ reason: `what was trained is not what the quote says: ${broken}` })
      const signature = await signReceipt(receipt, settlement, account)
      const bundle: TrainingBundle = { settlement, receipt, signature, opening }
      if (quote) bundle.acceptance = { authorization: quote.authorization, signature: quote.signature }
      await writeWholeFile(disk, pathOf(id), textToBytes(JSON.stringify(trainingBundleToJson(bundle))))
    },
    async read(task) {
      const kept = await readWholeFile(disk, pathOf(task.id), receiptBytesMax)
      const bundle = kept && readTrainingBundle(parseJson(kept))
      if (!bundle?.ok) return undefined
      const { receipt } = bundle.value
      const file = task.delivery && { id: task.id, root: task.delivery.root }
      const delivery = file && (await signDelivery(receipt, file, settlement, account))
      return JSON.stringify(trainingBundleToJson({ ...bundle.value, ...(delivery && { delivery }) }))
    },
  }
}
