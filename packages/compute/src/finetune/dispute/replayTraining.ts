/**
 * A training of the embedded trainer as somebody who answers for it has it: state hashes, states by training up to them again, traces of steps
 * on demand. The provider and whoever disputes it share this. Spec: spec/dispute.md §14
 */
import { concatBytes, hexToBytes } from '@weightless/codec'
import { type OwnTraining, readState, type TrainingState, traceStep } from '@weightless/dispute'
import type { TrainingRun } from '../trainingRun.ts'
import type { TrainingJob } from '../trainingWorker.ts'
import type { ChargedJob } from './chargedJob.ts'
import { openReplay } from './openReplay.ts'

export type TrainingReplay = OwnTraining & {
  run: TrainingRun
  charged: ChargedJob
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
 * @throws {TrainingRefusedError} {JobUndisputableError} {LoraOptionsError} {FullOptionsError} {ChatTemplateError}
 */
export async function replayTraining(
  weights: Uint8Array,
  job: Pick<TrainingJob, 'examples' | 'parameters'>,
  states?: Uint8Array,
  hooks: ReplayHooks = {},
): Promise<TrainingReplay> {
  const { run, trainer, job: course, charged, weights: weightsOf } = await openReplay(weights, job)
  const fresh = trainer.state()
  async function trainTo(steps: number, onHash?: (hash: Uint8Array) => void): Promise<void> {
    if (trainer.progress.step > steps) trainer.restore(fresh)
    while (trainer.progress.step < steps) {
      const { step, stateHash } = run.takeStep()
      onHash?.(hexToBytes(stateHash))
      hooks.onStep?.(step, course.steps)
      await hooks.pause?.()
    }
  }
  async function stateAt(steps: number): Promise<TrainingState> {
    await trainTo(steps)
    return readState(trainer.state())
  }
  const hashes = states?.length === 32 * (course.steps + 1) ? splitHashes(states) : [course.start]
  if (hashes.length === 1) await trainTo(course.steps, (hash) => hashes.push(hash))
  return {
    job: course,
    weights: weightsOf,
    record: {
      states: hashes,
      headAt: course.headAt,
      stateAt,
      traceAt: async (step) => traceStep(course.planAt(step), await stateAt(step), { weights: weightsOf }),
    },
    ...{ run, charged, states: concatBytes(hashes) },
  }
}

function splitHashes(states: Uint8Array): Uint8Array[] {
  return Array.from({ length: states.length / 32 }, (_, i) => states.slice(i * 32, i * 32 + 32))
}
