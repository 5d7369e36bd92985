/** What the routes of a fine-tuning provider work with. */
import type { Hex } from '@weightless/codec'
import type { LocalAccount } from 'viem'
import type { RateLimits } from '../admission/rateLimits.ts'
import type { ConsentSigner } from './consentSigner.ts'
import type { DatasetShelf } from './datasetShelf.ts'
import type { DefenceDesk } from './dispute/defenceDesk.ts'
import type { DatasetOpener } from './openDataset.ts'
import type { TaskRunner } from './runTasks.ts'
import type { TaskContext } from './taskContext.ts'
import type { TaskFiles } from './taskFiles.ts'

export type FineTuningModel = {
  name: string
  /** Storage root of the model's file: what tasks name it by. */
  root: Hex
  description: string
}

export type FineTuningService = Omit<TaskContext, 'files'> & {
  files: TaskFiles
  /** With its checksum. */
  provider: Hex
  models: readonly FineTuningModel[]
  weiPerToken: bigint
  shelf: DatasetShelf
  datasets: DatasetOpener
  signConsent: ConsentSigner
  /** Signs what the provider is held to in disputes. */
  account: LocalAccount
  /** Disputes over its trainings: how often a receipt is asked about, which one is under way. */
  questions: RateLimits
  desk: DefenceDesk
  /** Task by receipt, of those that were asked about. */
  receiptIndex: Map<Hex, string>
  runner: TaskRunner
  /** Tasks that wait for training or train. */
  pendingCount(): number
  /** False when as many as can be are on already; `end` makes room again. */
  uploads: Gate
  followers: Gate
}

/** Counts what may be on at once. */
export type Gate = { enter(): boolean; leave(): void }

export function createGate(max: number): Gate {
  let inside = 0
  return {
    enter() {
      if (inside >= max) return false
      inside++
      return true
    },
    leave() {
      inside--
    },
  }
}
