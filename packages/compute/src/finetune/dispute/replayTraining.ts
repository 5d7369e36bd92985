/**
 * A training of the embedded trainer as somebody who answers for it has it: state hashes, states by training up to them again, traces of steps
 * on demand. The provider and whoever disputes it share this. Spec: spec/dispute.md §14
 */
import { concatBytes, hexToBytes, WeightlessError } from '@weightless/codec'
import {
  JobUndisputableError,
  type LoraJobFacts,
  loraJob,
  type OwnTraining,
  readState,
  type TrainingState,
  traceStep,
} from '@weightless/dispute'
import { readWeightChunk, widenTensor } from '@weightless/dispute/numbers/weightChunk'
import { bytesSource } from '@weightless/tensor'
import { type LoraRun, openLoraRun } from '../openLoraRun.ts'
import type { TrainingJob } from '../trainingWorker.ts'

export type TrainingReplay = OwnTraining & {
  facts: LoraJobFacts
  run: LoraRun
  /** State hashes side by side, from that before the first step on. */
  states: Uint8Array
}

export type ReplayHooks = {
  onStep?: (step: number, steps: number) => void
  /** Awaited between steps. */
  pause?: () => Promise<void>
}

/**
 * @param weights - the whole GGUF file
 * @param states - hashes that the run is known to have; else it is trained to its end first
 * @throws {TrainingRefusedError} {JobUndisputableError} {LoraOptionsError} {ChatTemplateError}
 */
export async function replayTraining(
  weights: Uint8Array,
  job: Pick<TrainingJob, 'examples' | 'parameters'>,
  states?: Uint8Array,
  hooks: ReplayHooks = {},
): Promise<TrainingReplay> {
  if (job.parameters.method !== 'lora') {
    throw new JobUndisputableError({ reason: 'only trainings of adapters are disputed over the network' })
  }
  const run = await openLoraRun(weights, job)
  const { trainer, batches } = run
  const { graph } = trainer.model.parts
  const source = bytesSource(weights)
  const facts: LoraJobFacts = {
    ...{ graph, programId: trainer.model.programId, options: trainer.options },
    batches,
    readWeights: (name, chunk) => readWeightChunk(tensorOf(name), chunk, source),
  }
  const tensorOf = (name: string) => {
    const tensor = graph.tensors.get(name)
    if (!tensor) throw new TensorUnknownError({ name })
    return tensor
  }
  const lora = loraJob(facts)
  const fresh = trainer.state()
  const widened = new Map<string, Float32Array>()
  const weightsOf = (name: string): Float32Array => {
    const known = widened.get(name)
    if (known) return known
    const { offset, sizeBytes } = tensorOf(name)
    const values = widenTensor(tensorOf(name), weights.subarray(offset, offset + sizeBytes))
    widened.set(name, values)
    return values
  }
  async function trainTo(steps: number, onHash?: (hash: Uint8Array) => void): Promise<void> {
    if (trainer.progress.step > steps) trainer.restore(fresh)
    while (trainer.progress.step < steps) {
      const { step, stateHash } = run.takeStep()
      onHash?.(hexToBytes(stateHash))
      hooks.onStep?.(step, lora.steps)
      await hooks.pause?.()
    }
  }
  async function stateAt(steps: number): Promise<TrainingState> {
    await trainTo(steps)
    return readState(trainer.state())
  }
  const hashes = states?.length === 32 * (lora.steps + 1) ? splitHashes(states) : [hexToBytes(trainer.stateHash())]
  if (hashes.length === 1) await trainTo(lora.steps, (hash) => hashes.push(hash))
  return {
    job: lora,
    weights: weightsOf,
    record: {
      states: hashes,
      headAt: lora.headAt,
      stateAt,
      traceAt: async (step) => traceStep(lora.planAt(step), await stateAt(step), { weights: weightsOf }),
    },
    ...{ facts, run, states: concatBytes(hashes) },
  }
}

function splitHashes(states: Uint8Array): Uint8Array[] {
  return Array.from({ length: states.length / 32 }, (_, i) => states.slice(i * 32, i * 32 + 32))
}

class TensorUnknownError extends WeightlessError {
  constructor(facts: { name: string }) {
    super('compute/tensor-unknown', 'A step reads a tensor that the model has not.', facts)
  }
}
