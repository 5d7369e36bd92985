/**
 * What trains adapters: the embedded trainer in a thread, or another process such as PyTorch with PEFT. One task at a time;
 * the rest of the service knows neither of them. Spec: FINETUNING §5.
 */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { TrainingProof } from '@weightless/receipt/training'
import type { TrainingDefence } from './dispute/defence.ts'
import type { TrainingExample } from './readDataset.ts'
import type { TrainingParameters } from './trainingParameters.ts'

export type TrainingJob = {
  taskId: string
  /** Storage root of the model's file. */
  modelRoot: Hex
  examples: readonly TrainingExample[]
  parameters: TrainingParameters
}

/** What a job comes to, known before it starts: the fee follows from it. */
export type TrainingPlan = {
  /** Rows that are trained on, and rows that are only measured by. */
  rows: number
  heldOutRows: number
  steps: number
  /** Tokens of all rows of all steps, in the model's own tokens. */
  trainedTokens: number
}

export type Quality = { loss: number; accuracy: number }

/** One look at a running training. */
export type TrainingPoint = {
  step: number
  steps: number
  loss: number
  gradNorm?: number
  heldOut?: Quality
  trainedTokens: number
  tokensPerSecond: number
}

export type TrainingResult = {
  /** Safetensors with PEFT's names, its adapter_config in the metadata. */
  adapter: Uint8Array
  trainedTokens: number
  /** On the held-out rows, before and after; undefined when there are none. */
  base: Quality | undefined
  tuned: Quality | undefined
  /** Of a worker whose trainings anybody can repeat bit for bit; undefined: its word is all there is. */
  proof?: TrainingProof
  /** Of such a worker: all state hashes side by side, from that before the first step on. */
  states?: Uint8Array
}

/** All that a training goes on from after a stop; only its worker understands `state`. */
export type TrainingSnapshot = {
  /** Steps done. */
  step: number
  trainedTokens: number
  /** On the held-out rows, before the first step. */
  base?: Quality
  state: Uint8Array
}

export type TrainingCourse = {
  onPoint?: (point: TrainingPoint) => void
  /** From here, where the worker can and it fits the job; else from the beginning. */
  resume?: TrainingSnapshot
  /** Called once, before the first step: how many are done already. A worker that cannot go on says nothing. */
  onBegin?: (step: number) => void
  /** Called now and then by workers that can go on. */
  onSnapshot?: (snapshot: TrainingSnapshot) => void
}

export type TrainingSession = {
  plan: TrainingPlan
  /** @throws {TrainingFailedError} */
  train(course: TrainingCourse): Promise<TrainingResult>
  /** Ends the training, wherever it is. */
  close(): Promise<void>
}

export type TrainingWorker = {
  /** For people, in logs and at `/v1/model`. */
  name: string
  /** @throws {TrainingRefusedError} the job cannot be trained as it is @throws {TrainingFailedError} */
  open(job: TrainingJob): Promise<TrainingSession>
  /** Answers for a training that this worker did; of workers whose trainings can be repeated. @param states - as it gave them, where they were kept */
  defend?(job: TrainingJob, states: Uint8Array | undefined): Promise<TrainingDefence>
}

/** The user's data or parameters do not fit the model: trying again changes nothing. */
export class TrainingRefusedError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('compute/training-refused', 'The task cannot be trained as it is.', facts)
  }
}

export class TrainingFailedError extends WeightlessError {
  constructor(facts: { reason: string }, cause?: unknown) {
    super('compute/training-failed', 'Training did not come to its end.', facts, cause === undefined ? {} : { cause })
  }
}
