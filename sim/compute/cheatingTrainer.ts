/** A trainer that cheats on purpose, and answers in disputes as well as it can: for tests of what a user can show. */
import { bytesToText, concatBytes, hexToBytes, textToBytes } from '@weightless/codec'
import { createAnswerer } from '@weightless/compute/finetune/dispute/answerTrainingQuestion'
import { replayTraining, type TrainingReplay } from '@weightless/compute/finetune/dispute/replayTraining'
import { openFullRun } from '@weightless/compute/finetune/openFullRun'
import { openLoraRun } from '@weightless/compute/finetune/openLoraRun'
import type { TrainingRun } from '@weightless/compute/finetune/trainingRun'
import type { TrainingJob, TrainingResult, TrainingWorker } from '@weightless/compute/finetune/trainingWorker'
import { fullCourse, planFullStep, planLoraStep, readState, type TrainingState, traceStep } from '@weightless/dispute'
import type { StepPlan } from '@weightless/dispute/training/stepPlan'
import type { StepTable } from '@weightless/dispute/training/stepTable'
import type { TrainingRecord } from '@weightless/dispute/training/trainingParty'
import type { FullTrainer, LoraTrainer } from '@weightless/tensor'

export const cheats = [
  'none',
  'skipped data',
  'reordered data',
  'wrong learning rate',
  'wrong moment',
  'flipped weight',
  'wrong random counter',
  'another result',
  'another end',
  'silence',
  'other settings',
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
  const { seed, method, learningRate } = job.parameters
  const parameters = {
    ...job.parameters,
    ...(cheat === 'wrong random counter' && { seed: seed + 1 }),
    ...(cheat === 'other settings' && { learningRate: learningRate / 2 }),
  }
  const open = method === 'full' ? openFullLie : openLoraLie
  const lie = await open(weights.slice(), { ...job, parameters }, cheat)
  const { run, trainer } = lie
  const saved = [trainer.state()]
  const hashes = [hexToBytes(trainer.stateHash())]
  const changed = method === 'full' ? 'blk.0.ffn_up.weight' : 'adapter'
  const alter = (step: number) => (table: StepTable, values: Float32Array) => {
    if (step !== wrongAt) return
    if ((cheat === 'wrong moment' || cheat === 'silence') && table.name === `new v/${changed}`)
      values[40] = values[40]! * 2
    if (cheat === 'flipped weight' && table.name === `new p/${changed}`) values[7] = -values[7]!
  }
  const traceOf = (step: number) =>
    traceStep(lie.planAt(step), readState(saved[step]!), { weights: replay.weights, alter: alter(step) })
  for (let step = 0; step < run.plan.steps; step++) {
    lie.takeStep(step)
    if (step === wrongAt) trainer.restore(withNumbers(trainer.state(), traceOf(step).after))
    saved.push(trainer.state())
    hashes.push(hexToBytes(trainer.stateHash()))
  }
  const adapter = run.exportResult()
  if (cheat === 'another result') adapter[adapter.length - 3]! ^= 1
  const proof = { ...run.proof(), ...(cheat === 'another end' && { stateHash: `0x${'77'.repeat(32)}` as const }) }
  const result = { adapter, trainedTokens: run.plan.trainedTokens, base: undefined, tuned: undefined, proof }
  const record = {
    states: hashes,
    headAt: (steps: number) => splitHead(saved[steps]!).head,
    stateAt: async (steps: number) => readState(saved[steps]!),
    traceAt: async (step: number) => traceOf(step),
  }
  return { record, result }
}

/** A training whose wrong step has other rows, or another rate. */
type Lie = {
  run: TrainingRun
  trainer: Pick<LoraTrainer | FullTrainer, 'state' | 'stateHash' | 'restore'>
  takeStep(step: number): void
  planAt(step: number): StepPlan
}

async function openLoraLie(weights: Uint8Array, job: TrainingJob, cheat: Cheat): Promise<Lie> {
  const run = await openLoraRun(weights, job)
  const { trainer } = run
  const batches = run.batches.map((rows) => [...rows])
  if (cheat === 'skipped data') batches[wrongAt] = batches[wrongAt]!.slice(1)
  if (cheat === 'reordered data') batches[wrongAt] = batches[wrongAt]!.toReversed()
  const { graph } = trainer.model.parts
  return {
    ...{ run, trainer },
    takeStep: (step) => trainer.step(batches[step]!),
    planAt: (step) =>
      planLoraStep({ graph, options: optionsAt(trainer.options, cheat, step), step, rows: batches[step]! }),
  }
}

async function openFullLie(weights: Uint8Array, job: TrainingJob, cheat: Cheat): Promise<Lie> {
  const run = await openFullRun(weights, job)
  const { trainer, corpus, plan, model } = run
  const { graph, programId } = model
  const { rowsAt } = fullCourse({ graph, programId, options: trainer.options, corpus, steps: plan.steps })
  return {
    ...{ run, trainer },
    takeStep(step) {
      trainer.step()
      if (step !== wrongAt || cheat !== 'skipped data') return
      const state = trainer.state()
      const { head, rest } = splitHead(state)
      const said = JSON.parse(bytesToText(head))
      const other = textToBytes(JSON.stringify({ ...said, rowsSeen: said.rowsSeen + 1 }))
      const length = new Uint8Array(Uint32Array.of(other.length).buffer)
      trainer.restore(concatBytes([state.subarray(0, 4), length, other, rest]))
    },
    planAt(step) {
      const isOther = step === wrongAt && cheat === 'reordered data'
      const rows = isOther ? rowsAt(step).toReversed() : rowsAt(step)
      return planFullStep({ graph, options: optionsAt(trainer.options, cheat, step), step, rows })
    },
  }
}

function optionsAt<Options extends { learningRate: number }>(options: Options, cheat: Cheat, step: number): Options {
  return cheat === 'wrong learning rate' && step === wrongAt ? { ...options, learningRate: 1e-5 } : options
}

function splitHead(state: Uint8Array): { head: Uint8Array; rest: Uint8Array } {
  const end = 8 + new DataView(state.buffer, state.byteOffset).getUint32(4, true)
  return { head: state.slice(8, end), rest: state.slice(end) }
}

function withNumbers(state: Uint8Array, { p, m, v }: TrainingState): Uint8Array {
  const numbers = state.slice()
  const at = 8 + new DataView(state.buffer, state.byteOffset).getUint32(4, true)
  const size = p.length * 4
  for (const [i, list] of [p, m, v].entries()) numbers.set(new Uint8Array(list.slice().buffer), at + i * size)
  return numbers
}
