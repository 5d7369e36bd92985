/** Fine-tuning as a user sees it: find a provider, hand over a dataset, watch, acknowledge, have the adapter. */
import { bytesToHex, type Hex, WeightlessError } from '@weightless/codec'
import type { TrainingDispute } from '@weightless/compute/client'
import type { TrainingVerdictFile } from '@weightless/compute/wire'
import { abis } from '@weightless/contracts'
import { fileRoot } from '@weightless/crypto'
import type { FetchResponse } from '@weightless/env'
import type { LedgerAccount } from '@weightless/ledger'
import { TransactionRevertedError } from '@weightless/ledger'
import type { TrainingBundle } from '@weightless/receipt/training'
import { AccountMissingError } from '../account/accountMissing.ts'
import type { ChatEvent } from '../chat/readChatAnswer.ts'
import type { ClientContext } from '../clientContext.ts'
import type { FilesApi } from '../files/openFiles.ts'
import { contractAddress } from '../networkConfig.ts'
import { type Bundle, BundleMalformedError } from '../receipts/openReceipts.ts'
import { askTrainer, callTrainer } from './askTrainer.ts'
import { type AdapterChat, chatWithAdapter, createAdapterCaller, readAdapterReceipt } from './chatWithAdapter.ts'
import { disputeTraining, TrainerUnknownError, type TrainingDisputeOptions } from './disputeTraining.ts'
import {
  type FineTuningProvider,
  listFineTuningProviders,
  listTrainableModels,
  type TrainableModel,
} from './fineTuningServices.ts'
import { type FineTuningTask, followTask, readTask, readTasks, type TaskEvent, taskOf } from './fineTuningTask.ts'
import { openDelivery } from './openDelivery.ts'
import { retrieveFromTrainer } from './retrieveFromTrainer.ts'
import { sealDataset } from './sealDataset.ts'
import { submitTrainingVerdict, type TrainingSlashing, type TrainingSubmission } from './submitTrainingVerdict.ts'
import { signCancel, signDownload, signTask, signUpload } from './trainerSignatures.ts'

export type TrainingRequest = {
  trainer: FineTuningProvider
  /** Storage root of the model's weights. */
  modelRoot: Hex
  /** JSON lines, or the storage root of such a file, as it is or sealed by `seal`. */
  dataset: Uint8Array | Hex
  /** Sends the lines in the clear, as the existing SDK does; without it they are sealed to the trainer. */
  isPlain?: boolean
  /** PEFT's and the trainer's names, e.g. `{ num_train_epochs: 3, lora_r: 8 }`; `method: 'full'` trains all weights of a small model. */
  parameters?: { [name: string]: number | string | readonly string[] }
}

export type FineTuningApi = {
  providers(): Promise<FineTuningProvider[]>
  models(trainer: FineTuningProvider): Promise<TrainableModel[]>
  /** Wei that stand with a provider for fine-tuning; undefined before the first transfer. */
  balance(trainer: FineTuningProvider): Promise<bigint | undefined>
  /** Moves wei from the ledger to the provider's sub-account, and says the first time that it may settle. */
  fund(trainer: FineTuningProvider, amountWei: bigint): Promise<void>
  /** Brings all of that back to the ledger at once; no task is taken for three minutes then. @throws {TrainerRefusedError} a task is not over */
  retrieveNow(trainer: FineTuningProvider): Promise<void>
  /** A dataset that this trainer alone can read, on this account's behalf alone: to be put into storage. @throws {DatasetKeyError} */
  seal(trainer: FineTuningProvider, dataset: Uint8Array): Promise<Uint8Array>
  /** @throws {TrainerRefusedError} no money there, a malformed dataset, no room @throws {DatasetKeyError} */
  start(request: TrainingRequest): Promise<FineTuningTask>
  tasks(trainer: FineTuningProvider): Promise<FineTuningTask[]>
  task(trainer: FineTuningProvider, id: string): Promise<FineTuningTask>
  follow(trainer: FineTuningProvider, id: string, signal?: AbortSignal): AsyncGenerator<TaskEvent>
  cancel(trainer: FineTuningProvider, id: string): Promise<void>
  /** The user's word on the chain that the delivery is there: the provider is paid, the key is handed out. */
  acknowledge(trainer: FineTuningProvider, id: string): Promise<void>
  /** The plain adapter, or the model where all weights were trained, once the task is finished; needs the account's private key. @throws {DeliveryInvalidError} */
  adapter(trainer: FineTuningProvider, id: string, privateKey: Hex): Promise<Uint8Array>
  /** What the provider signed about the training, from when it is trained on: `verifyTraining` trains again and compares. */
  trainingReceipt(trainer: FineTuningProvider, id: string): Promise<TrainingBundle>
  /**
   * Disputes a training with its provider: trains again, asks for the first number that differs, and judges it.
   * @param means.weights - the base model's whole file; else it comes from the storage network
   * @param means.dataset - the plain lines
   * @throws {JobUndisputableError} {TrainerUnknownError}
   */
  dispute(
    bundle: TrainingBundle,
    means: { dataset: Uint8Array; weights?: Uint8Array; providerUrl?: string } & TrainingDisputeOptions,
  ): Promise<TrainingDispute>
  /**
   * Takes a verdict about a training to the chain, where it costs the provider stake. Anybody may.
   * @param options.model - the base model, as a file, of which a word of a step may be made; else it comes from the storage network
   * @throws {VerdictUndecidedError} of what no contract decides {VerdictRefusedError} {ForeignFaultError} {TransactionRevertedError}
   */
  submitVerdict(verdict: TrainingVerdictFile, options?: TrainingSubmission): Promise<TrainingSlashing>
  /** Talks to the result at once; needs something set aside with the provider for inference. @throws {ProviderRefusedError} */
  chat(chat: AdapterChat, options?: { signal?: AbortSignal }): AsyncGenerator<ChatEvent, void, undefined>
  /** Receipt and opening of such an answer, from the provider itself. @throws {ProviderRefusedError} {BundleMalformedError} */
  receipt(provider: Hex, receiptId: string, options?: { signal?: AbortSignal }): Promise<Bundle>
}

const adapterBytesMax = 1024 * 1024 * 1024
const receiptBytesMax = 1024 * 1024

export function openFineTuning(context: ClientContext, files: FilesApi): FineTuningApi {
  const { ledger, config } = context
  const at = () => ({ address: contractAddress(config, 'fineTuningServing'), abi: abis.fineTuningServing })
  const user = (): LedgerAccount => {
    if (!context.account) throw new AccountMissingError()
    return context.account
  }
  const call = createAdapterCaller(context, user)
  return {
    providers: () => listFineTuningProviders(context),
    models: (trainer) => listTrainableModels(context, trainer),
    balance: async (trainer) => (await readSubAccount(context, user().address, trainer.provider))?.spendableWei,
    fund: (trainer, amountWei) => fundTrainer(context, user().address, trainer, amountWei),
    retrieveNow: (trainer) => retrieveFromTrainer(context, user(), trainer),
    seal: (trainer, dataset) => sealDataset(context, trainer, user().address, dataset),
    start: (request) => startTask(context, user(), request),
    tasks: (trainer) => readTasks(context, trainer, user().address),
    task: (trainer, id) => readTask(context, trainer, user().address, id),
    follow: (trainer, id, signal) => followTask(context, trainer, user().address, id, signal),
    async cancel(trainer, id) {
      const path = `/v1/user/${user().address}/task/${encodeURIComponent(id)}/cancel`
      const body = JSON.stringify({ signature: await signCancel(user(), id) })
      const headers = { 'content-type': 'application/json' }
      await callTrainer(context, trainer, path, { method: 'POST', headers, body })
    },
    chat: (chat, { signal } = {}) => chatWithAdapter(call, chat, signal),
    receipt: (provider, receiptId, { signal } = {}) => readAdapterReceipt(call, provider, receiptId, signal),
    async trainingReceipt(trainer, id) {
      const document = await (await download(context, user(), trainer, id, 'receipt')).json(receiptBytesMax)
      const { readTrainingBundle } = await import('@weightless/receipt/training')
      const verdict = readTrainingBundle(document)
      if (!verdict.ok) throw new BundleMalformedError({ receiptId: id, detail: verdict.detail })
      return verdict.value
    },
    async dispute(bundle, { dataset, weights, providerUrl, ...options }) {
      const { provider, modelRoot } = bundle.receipt
      const trainer = (await listFineTuningProviders(context)).find(
        (known) => known.provider.toLowerCase() === provider,
      )
      const url = providerUrl ?? trainer?.url
      if (url === undefined) throw new TrainerUnknownError({ provider })
      const model = weights ?? (await files.download(modelRoot, { isRaw: true }))
      // A receipt of another chain or contract may be true there; it is worth nothing here.
      const expected = { chainId: BigInt(config.chain.chainId), settlement: at().address }
      return disputeTraining(context.env, bundle, url, { weights: model, dataset }, { expected, ...options })
    },
    submitVerdict(verdict, options = {}) {
      const { modelRoot } = verdict.bundle.receipt
      const load = async () => options.model ?? (await files.download(modelRoot, { isRaw: true }))
      return submitTrainingVerdict(context, verdict, load, options)
    },
    async acknowledge({ provider }, id) {
      await ledger.submit({ ...at(), functionName: 'acknowledgeDeliverable', args: [provider, id] })
    },
    async adapter(trainer, id, privateKey) {
      const args = [user().address, trainer.provider, id] as const
      const { encryptedSecret } = await ledger.read({ ...at(), functionName: 'getDeliverable', args })
      if (encryptedSecret === '0x') throw new KeyNotHandedOutError({ task: id })
      const file = await (await download(context, user(), trainer, id, 'lora')).bytes(adapterBytesMax)
      return openDelivery(file, { sealedKey: encryptedSecret, privateKey, provider: trainer.provider })
    },
  }
}

async function startTask(
  context: ClientContext,
  account: LedgerAccount,
  { trainer, modelRoot, dataset, isPlain = false, parameters = {} }: TrainingRequest,
): Promise<FineTuningTask> {
  const datasetHash = typeof dataset === 'string' ? dataset : await send(dataset)
  // Grows with time, and from one request to the next within a millisecond.
  const nonce = BigInt(context.env.clock.nowMs()) * 1_000_000n + BigInt(context.env.random.bytes(1)[0]!)
  const answer = await askTrainer(context, trainer, `/v1/user/${account.address}/task`, {
    userAddress: account.address,
    datasetHash,
    trainingParams: JSON.stringify(parameters),
    preTrainedModelHash: modelRoot,
    fee: '0',
    nonce: nonce.toString(),
    signature: await signTask(account, nonce, datasetHash),
  })
  return taskOf(answer)

  async function send(lines: Uint8Array): Promise<Hex> {
    const sent = isPlain ? lines : await sealDataset(context, trainer, account.address, lines)
    const root = await uploadDataset(context, account, trainer, sent)
    // It is signed for below, and everything about the task is checked by it.
    if (root !== bytesToHex(fileRoot(sent))) throw new OtherDatasetError({ provider: trainer.provider })
    return root
  }
}

async function uploadDataset(
  context: ClientContext,
  account: LedgerAccount,
  trainer: FineTuningProvider,
  dataset: Uint8Array,
): Promise<Hex> {
  const timestamp = Math.floor(context.env.clock.nowMs() / 1000)
  const form = new FormData()
  form.append('file', new Blob([dataset.slice()]), 'dataset.jsonl')
  form.append('signature', await signUpload(account, timestamp))
  form.append('timestamp', String(timestamp))
  const encoded = new Response(form)
  const response = await callTrainer(context, trainer, `/v1/user/${account.address}/dataset`, {
    method: 'POST',
    headers: { 'content-type': encoded.headers.get('content-type')! },
    body: new Uint8Array(await encoded.arrayBuffer()),
  })
  return ((await response.json()) as { datasetHash: Hex }).datasetHash
}

/** What the task made, under the account's signature. */
async function download(
  context: ClientContext,
  account: LedgerAccount,
  trainer: FineTuningProvider,
  id: string,
  what: 'lora' | 'receipt',
): Promise<FetchResponse> {
  const timestamp = Math.floor(context.env.clock.nowMs() / 1000)
  return callTrainer(context, trainer, `/v1/user/${account.address}/task/${encodeURIComponent(id)}/${what}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ signature: await signDownload(account, id, timestamp), timestamp }),
  })
}

async function fundTrainer(
  context: ClientContext,
  user: Hex,
  { provider }: FineTuningProvider,
  amountWei: bigint,
): Promise<void> {
  const { ledger, config } = context
  const manager = { address: contractAddress(config, 'ledgerManager'), abi: abis.ledgerManager } as const
  const serving = { address: contractAddress(config, 'fineTuningServing'), abi: abis.fineTuningServing } as const
  const { fullName } = await ledger.read({ ...manager, functionName: 'getServiceInfo', args: [serving.address] })
  await ledger.submit({ ...manager, functionName: 'transferFund', args: [provider, fullName, amountWei] })
  const account = await readSubAccount(context, user, provider)
  if (account?.acknowledged) return
  await ledger.submit({ ...serving, functionName: 'acknowledgeTEESigner', args: [provider, true] })
}

async function readSubAccount({ ledger, config }: ClientContext, user: Hex, provider: Hex) {
  try {
    const { balance, pendingRefund, acknowledged } = await ledger.read({
      address: contractAddress(config, 'fineTuningServing'),
      abi: abis.fineTuningServing,
      functionName: 'getAccount',
      args: [user, provider],
    })
    return { spendableWei: balance - pendingRefund, acknowledged }
  } catch (fault) {
    if (fault instanceof TransactionRevertedError && fault.reason.errorName === 'AccountNotExists') return undefined
    throw fault
  }
}

export class OtherDatasetError extends WeightlessError {
  constructor(facts: { provider: Hex }) {
    super('sdk/other-dataset', 'The provider names another dataset than the one that was sent.', facts)
  }
}

export class KeyNotHandedOutError extends WeightlessError {
  constructor(facts: { task: string }) {
    super('sdk/key-not-handed-out', 'The key of this adapter is not on the chain yet.', facts, {
      hint: 'Acknowledge the delivery; the provider hands out the key when it is paid.',
    })
  }
}
