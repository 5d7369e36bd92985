/** A task as a provider shows it, and its course: notes and measured points. Spec: FINETUNING §6, §7. */
import type { Hex } from '@weightless/codec'
import { readServerEvents } from '../chat/readServerEvents.ts'
import type { ClientContext } from '../clientContext.ts'
import { askTrainer, callTrainer, type TrainerAddress } from './askTrainer.ts'

export type FineTuningTask = {
  id: string
  user: Hex
  modelRoot: Hex
  datasetRoot: Hex
  /** Init, SettingUp, SetUp, Training, Trained, Delivering, Delivered, UserAcknowledged, Finished or Failed. */
  progress: string
  createdAt: string
  /** What it costs, or cost, in wei; 0 until it is planned. */
  feeWei: bigint
  /** Why it failed. */
  failure?: string
  /** Storage root of the plain adapter. */
  adapterRoot?: Hex
  /** Loss and accuracy on what was held out, before and after. */
  base?: Quality
  tuned?: Quality
  delivery?: { root: Hex; sizeBytes: number }
  /** What the provider bound itself to, as JSON: the `acceptance` of the training's bundle. Worth keeping. */
  quote?: unknown
}

export type Quality = { loss: number; accuracy: number }

export type TrainingPoint = {
  step: number
  steps: number
  loss: number
  heldOut?: Quality
  trainedTokens: number
  tokensPerSecond: number
}

export type TaskEvent =
  | { type: 'note'; text: string }
  | ({ type: 'point' } & TrainingPoint)
  | { type: 'end'; progress: string }

/** @throws {TrainerRefusedError} @throws {TypeError} the provider's answer is no task */
export async function readTask(context: ClientContext, trainer: TrainerAddress, user: Hex, id: string) {
  return taskOf(await askTrainer(context, trainer, `/v1/user/${user}/task/${encodeURIComponent(id)}`))
}

export async function readTasks(context: ClientContext, trainer: TrainerAddress, user: Hex): Promise<FineTuningTask[]> {
  const answer = await askTrainer(context, trainer, `/v1/user/${user}/task`)
  return Array.isArray(answer) ? answer.map(taskOf) : []
}

/** From the beginning, then live; ends with the task. */
export async function* followTask(
  context: ClientContext,
  trainer: TrainerAddress,
  user: Hex,
  id: string,
  signal?: AbortSignal,
): AsyncGenerator<TaskEvent> {
  const path = `/v1/user/${user}/task/${encodeURIComponent(id)}/events`
  const response = await callTrainer(context, trainer, path, { ...(signal && { signal }), timeoutMs: 3_600_000 })
  for await (const data of readServerEvents(response.body)) {
    const { kind, progress, text, ...point } = JSON.parse(data) as Record<string, unknown>
    if (kind === 'note') yield { type: 'note', text: String(text) }
    else if (kind === 'point') yield { type: 'point', ...(point as unknown as TrainingPoint) }
    else if (typeof progress === 'string') yield { type: 'end', progress }
  }
}

export function taskOf(json: unknown): FineTuningTask {
  const task = (json ?? {}) as Record<string, unknown>
  const { id, userAddress, preTrainedModelHash, datasetHash, progress, createdAt, fee, weightless } = task
  if (typeof id !== 'string' || typeof progress !== 'string') throw new TypeError('the answer is no task')
  const { failure, quote, result, delivery } = (weightless ?? {}) as Record<string, unknown>
  const { adapterRoot, base, tuned } = (result ?? {}) as Record<string, unknown>
  return {
    ...{ id, progress, createdAt: String(createdAt ?? '') },
    ...{ user: userAddress as Hex, modelRoot: preTrainedModelHash as Hex, datasetRoot: datasetHash as Hex },
    feeWei: typeof fee === 'string' && /^\d+$/.test(fee) ? BigInt(fee) : 0n,
    ...(typeof failure === 'string' && { failure }),
    ...(typeof adapterRoot === 'string' && { adapterRoot: adapterRoot as Hex }),
    ...(base ? { base: base as Quality } : {}),
    ...(tuned ? { tuned: tuned as Quality } : {}),
    ...(quote ? { quote } : {}),
    ...(delivery ? { delivery: delivery as { root: Hex; sizeBytes: number } } : {}),
  }
}
