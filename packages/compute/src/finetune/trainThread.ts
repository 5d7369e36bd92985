/** The embedded trainer inside its thread: one task, from its rows to its adapter. */
import { bytesEqual, concatBytes, hexToBytes, WeightlessError } from '@weightless/codec'
import type { TaskPort } from '@weightless/env'
import { digestBatch, type LoraTrainer, type TokenRow, TrainerStateError } from '@weightless/tensor'
import { planOf } from './encodeExamples.ts'
import { openTrainingRun, type TrainingRun } from './openTrainingRun.ts'
import type {
  Quality,
  TrainingJob,
  TrainingPlan,
  TrainingPoint,
  TrainingResult,
  TrainingSnapshot,
} from './trainingWorker.ts'

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
    send({ kind: 'opened', plan: planOf(run.dataset) })
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
])

type Send = (message: FromTrainer, transfer?: readonly ArrayBuffer[]) => void

function train(run: TrainingRun, resume: TrainingSnapshot | undefined, send: Send): TrainingResult {
  const { trainer, rowsOf } = run
  const { heldOut, batches } = run.dataset
  const steps = batches.length
  const start = hexToBytes(trainer.stateHash())
  const from =
    resume &&
    restore(
      trainer,
      resume,
      batches.slice(0, resume.step).map((_, step) => rowsOf(step)),
    )
  const states = [from?.states ?? start]
  const base = from ? from.base : measure(trainer, heldOut)
  let trainedTokens = from?.trainedTokens ?? 0
  send({ kind: 'begun', step: from?.step ?? 0, trainedTokens })
  const [lookEvery, sayEvery, saveEvery] = [looksMax, pointsMax, savesMax].map((max) => Math.ceil(steps / max))
  for (let step = (from?.step ?? 0) + 1; step <= steps; step++) {
    const { loss, gradNorm, tokens, stateHash } = trainer.step(rowsOf(step - 1))
    states.push(hexToBytes(stateHash))
    trainedTokens += tokens
    const looks = step % lookEvery! === 0 && step < steps
    if (looks || step === steps || step % sayEvery! === 0) {
      const measured = looks ? measure(trainer, heldOut) : undefined
      const point = { step, steps, loss, gradNorm, trainedTokens, ...(measured && { heldOut: measured }) }
      send({ kind: 'point', point })
    }
    if (step % saveEvery! > 0 || step === steps) continue
    const state = concatBytes([...states, trainer.state()])
    const snapshot = { step, trainedTokens, ...(base && { base }), state }
    send({ kind: 'snapshot', snapshot }, [state.buffer as ArrayBuffer])
  }
  const tuned = measure(trainer, heldOut)
  return {
    adapter: trainer.exportAdapter(),
    trainedTokens,
    base,
    tuned,
    proof: run.proof(),
    states: concatBytes(states),
  }
}

/** The snapshot and the state hashes up to it, when it was made by this very job: same model, options, seed, and the same rows in the same order. */
function restore(
  trainer: LoraTrainer,
  snapshot: TrainingSnapshot,
  done: readonly TokenRow[][],
): (TrainingSnapshot & { states: Uint8Array }) | undefined {
  const saved = splitSaved(snapshot)
  if (!saved) return undefined
  const fresh = trainer.state()
  try {
    trainer.restore(saved.state)
  } catch (fault) {
    if (fault instanceof TrainerStateError) return undefined
    throw fault
  }
  const { step, dataDigest } = trainer.progress
  const isSame = bytesEqual(saved.states.subarray(-32), hexToBytes(trainer.stateHash()))
  if (isSame && step === snapshot.step && dataDigest === done.reduce(digestBatch, digestBatch())) {
    return { ...snapshot, states: saved.states }
  }
  trainer.restore(fresh)
  return undefined
}

/** What is saved is the hashes of all states so far, 32 bytes for each step and one before the first, then the state. */
function splitSaved({ step, state }: TrainingSnapshot): { states: Uint8Array; state: Uint8Array } | undefined {
  const length = 32 * (step + 1)
  return state.length <= length ? undefined : { states: state.slice(0, length), state: state.subarray(length) }
}

function measure(trainer: LoraTrainer, heldOut: readonly TokenRow[]): Quality | undefined {
  if (heldOut.length === 0) return undefined
  const { loss, accuracy } = trainer.evaluate(heldOut)
  return { loss, accuracy }
}

const looksMax = 10
const pointsMax = 1_000
/** Offered, so that the wait for messages is bounded; the service writes as many of them as its clock allows. */
const savesMax = 200
