/** A training of the embedded trainer that is under way, whatever it trains. */
import type { TrainingProof } from '@weightless/receipt/training'
import { TrainerStateError, type TrainStep } from '@weightless/tensor'
import type { Quality, TrainingPlan } from './trainingWorker.ts'

export type TrainingRun = {
  plan: TrainingPlan
  /** The step after those that are done. @throws {TrainingDivergedError} */
  takeStep(): TrainStep
  /** On the held-out rows; undefined where there are none. */
  measure(): Quality | undefined
  /** Everything that the next step depends on. */
  state(): Uint8Array
  /** False when it is no state after so many steps of this very job; nothing is changed then. */
  restore(state: Uint8Array, steps: number): boolean
  /** The file that is delivered: an adapter, or a model. */
  exportResult(): Uint8Array
  /** As it stands now: what a receipt says of program and state. */
  proof(): TrainingProof
  close(): void
}

/** On the held-out rows, where there are any. */
export function measureOn<Row>(
  trainer: { evaluate(rows: readonly Row[]): Quality },
  heldOut: readonly Row[],
): Quality | undefined {
  if (heldOut.length === 0) return undefined
  const { loss, accuracy } = trainer.evaluate(heldOut)
  return { loss, accuracy }
}

/** Takes a state over, unless the trainer cannot read it or it is not of this job: then everything is as it was. */
export function restoreIf(
  trainer: { state(): Uint8Array; restore(state: Uint8Array): void },
  state: Uint8Array,
  isOfJob: () => boolean,
): boolean {
  const fresh = trainer.state()
  try {
    trainer.restore(state)
  } catch (fault) {
    if (fault instanceof TrainerStateError) return false
    throw fault
  }
  if (isOfJob()) return true
  trainer.restore(fresh)
  return false
}
