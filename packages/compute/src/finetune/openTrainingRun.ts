/** A training of the embedded trainer, opened: model, rows and their order. The service's thread and whoever trains again to check share it. Spec: FINETUNING §5.1 */
import { openFullRun } from './openFullRun.ts'
import { openLoraRun } from './openLoraRun.ts'
import type { TrainingRun } from './trainingRun.ts'
import type { TrainingJob } from './trainingWorker.ts'

/** @param weights - the whole GGUF file @throws {TrainingRefusedError} {LoraOptionsError} {FullOptionsError} {ChatTemplateError} {GgufInvalidError} */
export function openTrainingRun(
  weights: Uint8Array,
  job: Pick<TrainingJob, 'examples' | 'parameters'>,
): Promise<TrainingRun> {
  return job.parameters.method === 'full' ? openFullRun(weights, job) : openLoraRun(weights, job)
}
