/** What the parts of one fine-tuning provider share. */
import type { Env } from '@weightless/env'
import type { FineTuningChain } from './fineTuningChain.ts'
import type { FineTuningLimits } from './fineTuningOptions.ts'
import { type FineTuningTask, isOver, type TaskProgress } from './task.ts'
import type { TaskFiles } from './taskFiles.ts'
import type { TaskJournal } from './taskJournal.ts'
import type { TaskSnapshots } from './taskSnapshots.ts'
import type { TaskStore } from './taskStore.ts'
import type { TrainingReceipts } from './trainingReceipts.ts'
import type { TrainingWorker } from './trainingWorker.ts'

export type TaskContext = {
  env: Pick<Env, 'clock' | 'random' | 'log'>
  limits: FineTuningLimits
  store: TaskStore
  journal: TaskJournal
  files: Pick<TaskFiles, 'dataset' | 'keepAdapter' | 'keepStates' | 'seal' | 'secretOf' | 'publish'>
  snapshots: TaskSnapshots
  receipts: TrainingReceipts
  chain: FineTuningChain
  worker: TrainingWorker
  /** A task was paid: its adapter may be served to its user. */
  onFinished?: (task: FineTuningTask) => void
}

/** One step on, durable, told to the user. Undefined when the task went another way meanwhile. */
export async function advance(
  { env, store, journal, onFinished }: TaskContext,
  task: FineTuningTask,
  progress: TaskProgress,
  found: Partial<FineTuningTask> = {},
): Promise<FineTuningTask | undefined> {
  const moved = await store.move(task, progress, env.clock.nowMs(), found)
  if (!moved) return undefined
  await journal.note(task.id, found.failure === undefined ? progress : `${progress}: ${found.failure}`)
  env.log.info('task moved', { task: task.id, progress })
  if (isOver(moved)) journal.end(task.id)
  if (progress === 'Finished') onFinished?.(moved)
  return moved
}
