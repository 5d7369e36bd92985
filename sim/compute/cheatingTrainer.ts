/** A trainer of adapters that cheats on purpose, and answers in disputes as well as it can: for tests of what a user can show. */
import { hexToBytes } from '@weightless/codec'
import { createAnswerer } from '@weightless/compute/finetune/dispute/answerTrainingQuestion'
import { replayTraining, type TrainingReplay } from '@weightless/compute/finetune/dispute/replayTraining'
import { openLoraRun } from '@weightless/compute/finetune/openLoraRun'
import type { TrainingJob, TrainingResult, TrainingWorker } from '@weightless/compute/finetune/trainingWorker'
import { planLoraStep, readState, type TrainingState, traceStep } from '@weightless/dispute'
import type { StepTable } from '@weightless/dispute/training/stepTable'
import type { TrainingRecord } from '@weightless/dispute/training/trainingParty'

export const cheats = [
  'none',
  'skipped data',
  'reordered data',
  'wrong learning rate',
  'wrong moment',
  'flipped adapter weight',
  'wrong random counter',
  'another adapter',
  'silence',
] as const
export type Cheat = (typeof cheats)[number]

export const wrongAt = 2

/** @param cheatOf - what it does to a job */
export function createCheatingTrainer(weights: Uint8Array, cheatOf: (job: TrainingJob) => Cheat): TrainingWorker {
  const records = new Map<string, { job: TrainingReplay['job']; record: TrainingRecord }>()
  return {
    name: 'a trainer that cheats',
    async open(job) {
      const cheat = cheatOf(job)
      const replay = await replayTraining(weights.slice(), job)
      return {
        plan: replay.run.plan,
        async train() {
          const { record, result } = await trainFalsely(replay, job, cheat, weights)
          records.set(job.taskId, { job: replay.job, record })
          return result
        },
        close: async () => undefined,
      }
    },
    async defend({ taskId }) {
      const kept = records.get(taskId)!
      const answer = createAnswerer(kept)
      const isSilent = cheatOf({ taskId } as TrainingJob) === 'silence'
      return { answer: async (question) => (isSilent ? undefined : answer(question)), close: async () => undefined }
    },
  }
}

async function trainFalsely(
  replay: TrainingReplay,
  job: TrainingJob,
  cheat: Cheat,
  weights: Uint8Array,
): Promise<{ record: TrainingRecord; result: TrainingResult }> {
  const { facts } = replay
  const seed = cheat === 'wrong random counter' ? job.parameters.seed + 1 : job.parameters.seed
  const run = await openLoraRun(weights.slice(), { ...job, parameters: { ...job.parameters, seed } })
  const { trainer } = run
  const batches = facts.batches.map((rows) => [...rows])
  if (cheat === 'skipped data') batches[wrongAt] = batches[wrongAt]!.slice(1)
  if (cheat === 'reordered data') batches[wrongAt] = batches[wrongAt]!.toReversed()
  const saved = [trainer.state()]
  const hashes = [hexToBytes(trainer.stateHash())]
  const planAt = (step: number) => {
    const learningRate = cheat === 'wrong learning rate' && step === wrongAt ? 1e-5 : trainer.options.learningRate
    return planLoraStep({ ...facts, options: { ...trainer.options, learningRate }, step, rows: batches[step]! })
  }
  const alter = (step: number) => (table: StepTable, values: Float32Array) => {
    if (step !== wrongAt) return
    if ((cheat === 'wrong moment' || cheat === 'silence') && table.name === 'new v/adapter')
      values[40] = values[40]! * 2
    if (cheat === 'flipped adapter weight' && table.name === 'new p/adapter') values[7] = -values[7]!
  }
  const traceOf = (step: number) =>
    traceStep(planAt(step), readState(saved[step]!), { weights: replay.weights, alter: alter(step) })
  for (let step = 0; step < batches.length; step++) {
    trainer.step(batches[step]!)
    if (step === wrongAt) trainer.restore(withNumbers(trainer.state(), traceOf(step).after))
    saved.push(trainer.state())
    hashes.push(hexToBytes(trainer.stateHash()))
  }
  const adapter = trainer.exportAdapter()
  if (cheat === 'another adapter') adapter[adapter.length - 3]! ^= 1
  const result = {
    adapter,
    trainedTokens: run.plan.trainedTokens,
    base: undefined,
    tuned: undefined,
    proof: run.proof(),
  }
  const headOf = (steps: number) => {
    const state = saved[steps]!
    return state.slice(8, 8 + new DataView(state.buffer, state.byteOffset).getUint32(4, true))
  }
  const record = {
    states: hashes,
    headAt: headOf,
    stateAt: async (steps: number) => readState(saved[steps]!),
    traceAt: async (step: number) => traceOf(step),
  }
  return { record, result }
}

function withNumbers(state: Uint8Array, { p, m, v }: TrainingState): Uint8Array {
  const numbers = state.slice()
  const at = 8 + new DataView(state.buffer, state.byteOffset).getUint32(4, true)
  const size = p.length * 4
  for (const [i, list] of [p, m, v].entries()) numbers.set(new Uint8Array(list.slice().buffer), at + i * size)
  return numbers
}
