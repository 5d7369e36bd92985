/** What the model's file and the bundle give of a job that its trainer is accused about; more of it where the data are there. Spec: spec/dispute.md §14.3 */
import type { JobOutline } from '@weightless/dispute'
import type { TrainingBundle } from '@weightless/receipt/training'

export type ChargedJob = {
  /** @param steps - as many as the trainer's run has */
  outline(bundle: TrainingBundle, steps: number): JobOutline
}
