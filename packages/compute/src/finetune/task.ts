/** A fine-tuning task and the ways it may go, in the progress names of the existing SDK. Pure. Spec: FINETUNING §2. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { Authorization } from '@weightless/receipt'
import type { Quality, TrainingPlan } from './trainingWorker.ts'

export type TaskProgress = keyof typeof ways

export type FineTuningTask = {
  /** UUID; also the deliverable's id on the chain. */
  id: string
  /** Lower case. */
  user: Hex
  modelRoot: Hex
  datasetRoot: Hex
  /** JSON as the user sent it. */
  trainingParams: string
  /** The user's number for the request; grows. */
  nonce: bigint
  /** Uncompressed, recovered from the user's signature: results are sealed to it. */
  publicKey: Hex
  /** As registered when the task was taken; what is billed. */
  weiPerToken: bigint
  createdAtMs: number
  updatedAtMs: number
  progress: TaskProgress
  /** Times that training was begun from where it then stood. */
  attempts: number
  /** Step that the last attempt went on behind; absent: from the beginning. */
  resumedStep?: number
  plan?: TrainingPlan & { feeWei: bigint }
  /** What the provider bound itself to when it made the plan; absent of tasks from before there were quotes. */
  quote?: TaskQuote
  result?: TaskResult
  delivery?: TaskDelivery
  deliveredAtMs?: number
  /** Paid for it on the chain, in wei. */
  paidWei?: bigint
  /** Why it failed, for its user. */
  failure?: string
}

export type TaskResult = {
  /** Storage root of the plain adapter; names the adapted model. */
  adapterRoot: Hex
  adapterBytes: number
  trainedTokens: number
  feeWei: bigint
  base?: Quality
  tuned?: Quality
}

export type TaskQuote = {
  /** Of the receipt's commitments. */
  salt: Hex
  /** The terms, in the form that acceptances have. RECEIPT §9.4 */
  authorization: Authorization
  signature: Hex
}

export type TaskDelivery = {
  /** Of AES-256; opened to the user alone, when it is paid. */
  key: Hex
  /** Storage root of the encrypted file. */
  root: Hex
  sizeBytes: number
}

const ways = {
  Init: ['SettingUp', 'Failed'],
  SettingUp: ['SetUp', 'Failed'],
  SetUp: ['Training', 'Failed'],
  Training: ['Training', 'Trained', 'Failed'],
  Trained: ['Delivering', 'Failed'],
  Delivering: ['Delivered', 'Failed'],
  Delivered: ['UserAcknowledged', 'Failed'],
  UserAcknowledged: ['Finished', 'Failed'],
  Finished: [],
  Failed: [],
} as const satisfies Record<string, readonly string[]>

/** The task one step on. @throws {TaskWayError} a fault of ours */
export function moveTask(
  task: FineTuningTask,
  progress: TaskProgress,
  nowMs: number,
  found: Partial<FineTuningTask> = {},
): FineTuningTask {
  const allowed: readonly string[] = ways[task.progress]
  if (!allowed.includes(progress)) throw new TaskWayError({ from: task.progress, to: progress })
  return { ...task, ...found, progress, updatedAtMs: nowMs }
}

export const isOver = ({ progress }: FineTuningTask): boolean => ways[progress].length === 0

/** Not yet trained: the training lane has it. */
export const isToTrain = ({ progress }: FineTuningTask): boolean =>
  progress === 'Init' || progress === 'SettingUp' || progress === 'SetUp' || progress === 'Training'

/** Trained and not over: the delivery lane has it. */
export const isToDeliver = (task: FineTuningTask): boolean => !isToTrain(task) && !isOver(task)

/** A task can be taken back as long as nothing of it is on the chain. */
export const isCancellable = (task: FineTuningTask): boolean => isToTrain(task) || task.progress === 'Trained'

/** What the task may still cost its user. */
export function heldWei(task: FineTuningTask): bigint {
  if (isOver(task)) return 0n
  return task.result?.feeWei ?? task.plan?.feeWei ?? 0n
}

export class TaskWayError extends WeightlessError {
  constructor(facts: { from: string; to: string }) {
    super('compute/task-way', 'A task was to go a way that it cannot.', facts)
  }
}
