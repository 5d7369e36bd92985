/** The embedded trainer inside its thread: one task, from its rows to its adapter. */
import { WeightlessError } from '@weightless/codec'
import type { TaskPort } from '@weightless/env'
import { type AdapterTarget, type LoraTrainer, openLoraTrainer, type TokenRow } from '@weightless/tensor'
import { type EncodedDataset, encodeExamples, planOf, seedBytes } from './encodeExamples.ts'
import type { Quality, TrainingJob, TrainingPlan, TrainingPoint, TrainingResult } from './trainingWorker.ts'

export type TrainInput = { weights: Uint8Array; job: Omit<TrainingJob, 'taskId'> }

/** There is no clock in a thread. */
type UntimedPoint = Omit<TrainingPoint, 'tokensPerSecond'>

export type FromTrainer =
  | { kind: 'opened'; plan: TrainingPlan }
  | { kind: 'point'; point: UntimedPoint }
  | { kind: 'trained'; result: TrainingResult }
  | { kind: 'failed'; reason: string; isRefused: boolean }

/** The worker's main: see `Tasks.open`. The first message that it gets starts the training. */
export default async function serveTraining(port: TaskPort, input: unknown): Promise<void> {
  const { weights, job } = input as TrainInput
  const send = (message: FromTrainer) => port.send(message)
  try {
    const { rank, alpha, targets, learningRate, seed } = job.parameters
    const trainer = await openLoraTrainer(weights, {
      ...{ rank, alpha, learningRate, seed32: seedBytes(seed) },
      targets: targets.map((name) => name.replace(/_proj$/, '') as AdapterTarget),
    })
    const dataset = encodeExamples(trainer.model, job.examples, job.parameters)
    send({ kind: 'opened', plan: planOf(dataset) })
    for await (const _ of port.messages) {
      send({ kind: 'trained', result: train(trainer, dataset, (point) => send({ kind: 'point', point })) })
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

function train(
  trainer: LoraTrainer,
  { rows, heldOut, batches }: EncodedDataset,
  onPoint: (point: UntimedPoint) => void,
): TrainingResult {
  const steps = batches.length
  const base = measure(trainer, heldOut)
  const [lookEvery, sayEvery] = [Math.ceil(steps / looksMax), Math.ceil(steps / pointsMax)]
  let trainedTokens = 0
  for (const [at, batch] of batches.entries()) {
    const { loss, gradNorm, tokens } = trainer.step(batch.map((row) => rows[row]!))
    trainedTokens += tokens
    const step = at + 1
    const looks = step % lookEvery === 0 && step < steps
    if (!looks && step < steps && step % sayEvery !== 0) continue
    const measured = looks ? measure(trainer, heldOut) : undefined
    onPoint({ step, steps, loss, gradNorm, trainedTokens, ...(measured && { heldOut: measured }) })
  }
  return { adapter: trainer.exportAdapter(), trainedTokens, base, tuned: measure(trainer, heldOut) }
}

function measure(trainer: LoraTrainer, heldOut: readonly TokenRow[]): Quality | undefined {
  if (heldOut.length === 0) return undefined
  const { loss, accuracy } = trainer.evaluate(heldOut)
  return { loss, accuracy }
}

const looksMax = 10
const pointsMax = 1_000
