/** A training that is made again, as a job that can be disputed: of an adapter, or of all weights. Spec: spec/dispute.md §14 */
import { hexToBytes, WeightlessError } from '@weightless/codec'
import { fullJob, loraJob, type OwnTraining } from '@weightless/dispute'
import { readWeightChunk, widenTensor } from '@weightless/dispute/numbers/weightChunk'
import { bytesSource, type FullTrainer, type LoraTrainer, readGguf } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import { openFullRun } from '../openFullRun.ts'
import { openLoraRun } from '../openLoraRun.ts'
import type { TrainingRun } from '../trainingRun.ts'
import type { TrainingJob } from '../trainingWorker.ts'
import { chargedFull } from './chargedFull.ts'
import type { ChargedJob } from './chargedJob.ts'
import { chargedLora } from './chargedLora.ts'

type Wanted = Pick<TrainingJob, 'examples' | 'parameters'>

export type OpenedReplay = Pick<OwnTraining, 'job' | 'weights'> & {
  run: TrainingRun
  trainer: Pick<FullTrainer | LoraTrainer, 'progress' | 'state' | 'restore'>
  charged: ChargedJob
}

/** @throws {TrainingRefusedError} {JobUndisputableError} {LoraOptionsError} {FullOptionsError} {ChatTemplateError} */
export function openReplay(weights: Uint8Array, wanted: Wanted): Promise<OpenedReplay> {
  return wanted.parameters.method === 'full' ? openFullReplay(weights, wanted) : openLoraReplay(weights, wanted)
}

async function openLoraReplay(weights: Uint8Array, wanted: Wanted): Promise<OpenedReplay> {
  const run = await openLoraRun(weights, wanted)
  const { trainer, batches } = run
  const { model, options } = trainer
  const { graph } = model.parts
  const source = bytesSource(weights)
  const facts = {
    ...{ graph, programId: model.programId, options, batches },
    readWeights: (name: string, chunk: number) => readWeightChunk(tensorOf(graph, name), chunk, source),
  }
  const widened = new Map<string, Float32Array>()
  const weightsOf = (name: string): Float32Array => {
    const known = widened.get(name)
    if (known) return known
    const tensor = tensorOf(graph, name)
    const values = widenTensor(tensor, weights.subarray(tensor.offset, tensor.offset + tensor.sizeBytes))
    widened.set(name, values)
    return values
  }
  const charged = chargedLora({ ...facts, name: model.info.name })
  return { run, trainer, job: loraJob(facts), charged, weights: weightsOf }
}

async function openFullReplay(weights: Uint8Array, wanted: Wanted): Promise<OpenedReplay> {
  const run = await openFullRun(weights, wanted)
  const { trainer, model, corpus, plan } = run
  const { graph, programId } = model
  const facts = { graph, programId, options: trainer.options, corpus, steps: plan.steps }
  const job = fullJob({ ...facts, start: hexToBytes(trainer.stateHash()) })
  const charged = chargedFull({ ...facts, gguf: await readGguf(weights), source: bytesSource(weights), data: facts })
  // Its steps read the weights of the state before, and none of the file.
  return { run, trainer, job, charged, weights: (name) => tensorUnknown(name) }
}

function tensorOf({ tensors }: Graph, name: string) {
  return tensors.get(name) ?? tensorUnknown(name)
}

function tensorUnknown(name: string): never {
  throw new TensorUnknownError({ name })
}

class TensorUnknownError extends WeightlessError {
  constructor(facts: { name: string }) {
    super('compute/tensor-unknown', 'A step reads a tensor that the model has not.', facts)
  }
}
