/** The embedded trainer inside its thread: one task, from its rows to its adapter. */
import { concatBytes, hexToBytes, WeightlessError } from '@weightless/codec'
import type { TaskPort } from '@weightless/env'
import { openTrainingRun } from './openTrainingRun.ts'
import type { TrainingRun } from './trainingRun.ts'
import type { TrainingJob, TrainingPlan, TrainingPoint, TrainingResult, TrainingSnapshot } from './trainingWorker.ts'

export type TrainInput = { weights: Uint8Array; job: Omit<TrainingJob, 'taskId'> }

/** There is no clock in a thread. */
type UntimedPoint = Omit<TrainingPoint, 'tokensPerSecond'>

/** The word to begin. */
export type ToTrainer = { resume: TrainingSnapshot | undefined }

export type FromTrainer =
  | { kind: 'opened'; plan: TrainingPlan }
  | { kind: 'begun'; step: number; trainedTokens: number }
  | { kind: 'snapshot'; snapshot: TrainingSnapshot }
  | { kind: 'point'; point: UntimedPoint }
  | { kind: 'trained'; result: TrainingResult }
  | { kind: 'failed'; reason: string; isRefused: boolean }

/** The worker's main: see `Tasks.open`. The first message that it gets starts the training. */
export default async function serveTraining(port: TaskPort, input: unknown): Promise<void> {
  const { weights, job } = input as TrainInput
  const send: Send = (message, transfer) => port.send(message, transfer)
  try {
    const run = await openTrainingRun(weights, job)
    send({ kind: 'opened', plan: run.plan })
    for await (const word of port.messages) {
      send({ kind: 'trained', result: train(run, (word as ToTrainer).resume, send) })
      return
    }
  } catch (fault) {
    const code = fault instanceof WeightlessError ? fault.code : ''
    const told =
      fault instanceof WeightlessError ? String(fault.facts.reason ?? fault.shortMessage) : 'the trainer failed'
    send({ kind: 'failed', reason: told, isRefused: refusals.has(code) })
  }
}

/** Of the user's rows and parameters. */
const refusals = new Set([
  'compute/training-refused',
  'tensor/chat-template',
  'tensor/chat-invalid',
  'tensor/training-rows',
  'tensor/training-diverged',
  'tensor/lora-options',
  'tensor/full-options',
])

type Send = (message: FromTrainer, transfer?: readonly ArrayBuffer[]) => void

function train(run: TrainingRun, resume: TrainingSnapshot | undefined, send: Send): TrainingResult {
  const { steps } = run.plan
  const start = hexToBytes(run.proof().stateHash)
  const from = resume && restore(run, resume)
  const states = [from?.states ?? start]
  const base = from ? from.base : run.measure()
  let trainedTokens = from?.trainedTokens ?? 0
  send({ kind: 'begun', step: from?.step ?? 0, trainedTokens })
  const [lookEvery, sayEvery, saveEvery] = [looksMax, pointsMax, savesMax].map((max) => Math.ceil(steps / max))
  for (let step = (from?.step ?? 0) + 1; step <= steps; step++) {
    const { loss, gradNorm, tokens, stateHash } = run.takeStep()
    states.push(hexToBytes(stateHash))
    trainedTokens += tokens
    const looks = step % lookEvery! === 0 && step < steps
    if (looks || step === steps || step % sayEvery! === 0) {
      const measured = looks ? run.measure() : undefined
      const point = { step, steps, loss, gradNorm, trainedTokens, ...(measured && { heldOut: measured }) }
      send({ kind: 'point', point })
    }
    if (step % saveEvery! > 0 || step === steps) continue
    const state = concatBytes([...states, run.state()])
    const snapshot = { step, trainedTokens, ...(base && { base }), state }
    send({ kind: 'snapshot', snapshot }, [state.buffer as ArrayBuffer])
  }
  const tuned = run.measure()
  const found = { base, tuned, proof: run.proof(), states: concatBytes(states) }
  return { adapter: run.exportResult(), trainedTokens, ...found }
}

/** The snapshot and the state hashes up to it, when it was made by this very job. */
function restore(
  run: TrainingRun,
  snapshot: TrainingSnapshot,
): (TrainingSnapshot & { states: Uint8Array }) | undefined {
  const saved = splitSaved(snapshot)
  if (!saved || !run.restore(saved.state, snapshot.step)) return undefined
  return { ...snapshot, states: saved.states }
}

/** What is saved is the hashes of all states so far, 32 bytes for each step and one before the first, then the state. */
function splitSaved({ step, state }: TrainingSnapshot): { states: Uint8Array; state: Uint8Array } | undefined {
  const length = 32 * (step + 1)
  return state.length <= length ? undefined : { states: state.slice(0, length), state: state.subarray(length) }
}

const looksMax = 10
const pointsMax = 1_000
/** Offered, so that the wait for messages is bounded; the service writes as many of them as its clock allows. */
const savesMax = 200
