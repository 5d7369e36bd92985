/** A small training of an adapter, honest or not, as its trainer keeps it: for tests of disputes. */
import { bytesToHex, hexToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { openLoraTrainer, type TokenRow } from '@weightless/tensor'
import { encodeAdapter } from '@weightless/tensor/adapter/encodeAdapter'
import { toByteSource } from '@weightless/tensor/byteSource'
import { makeProbeModel } from '@weightless/tensor/selfCheck/makeProbeModel'
import { checkLoraOptions } from '@weightless/tensor/train/loraOptions'
import { placeLora } from '@weightless/tensor/train/loraWeights'
import { digestBatch } from '@weightless/tensor/train/trainerState'
import { readWeightChunk, widenTensor } from '../numbers/weightChunk.ts'
import type { OwnTraining } from './accuseTraining.ts'
import type { JobOutline } from './judgeTraining.ts'
import { loraJob } from './loraJob.ts'
import { planLoraStep, type StepPlan } from './stepPlan.ts'
import type { StepTable } from './stepTable.ts'
import { type StepTrace, traceStep } from './traceStep.ts'
import type { TrainingRecord } from './trainingParty.ts'
import { pieceDigests, readState, rootOfPieces, type TrainingState } from './trainingState.ts'

export const steps = 4
export const options = checkLoraOptions({
  seed32: new Uint8Array(32).fill(3),
  rank: 3,
  targets: ['q', 'v', 'o', 'gate', 'down'],
})
/** Of different lengths, and learnt from the middle on. */
export const batches: TokenRow[][] = Array.from({ length: steps }, (_, step) =>
  Array.from({ length: 3 }, (_, row) => {
    const tokens = Array.from({ length: 5 + step + 2 * row }, (_, i) => (i * 37 + step * 11 + row * 5) % 250)
    return { tokens, mask: tokens.map((_, i) => (i > 2 ? 1 : 0)) }
  }),
)

export type LoraRun = {
  own: OwnTraining
  states: TrainingState[]
  facts: Parameters<typeof loraJob>[0]
  outline: JobOutline
}

/** The honest run, by the engine. */
export async function trainHonestly(): Promise<LoraRun> {
  const file = makeProbeModel()
  const source = toByteSource(file)
  const trainer = await openLoraTrainer(file, options)
  const { graph } = trainer.model.parts
  const states = [readState(trainer.state())]
  const roots = [hexToBytes(trainer.stateHash())]
  for (const rows of batches) {
    roots.push(hexToBytes(trainer.step(rows).stateHash))
    states.push(readState(trainer.state()))
  }
  const tensors = new Map<string, Float32Array>()
  for (const [name, tensor] of graph.tensors)
    tensors.set(name, widenTensor(tensor, await source.read(tensor.offset, tensor.sizeBytes)))
  const { programId, info } = trainer.model
  const facts = {
    ...{ graph, programId, options, batches },
    readWeights: (name: string, chunk: number) => readWeightChunk(graph.tensors.get(name)!, chunk, source),
  }
  const job = loraJob(facts)
  const weights = (name: string) => tensors.get(name)!
  const traces = new Map<number, StepTrace>()
  const record: TrainingRecord = {
    states: roots,
    headAt: job.headAt,
    stateAt: async (at) => states[at]!,
    async traceAt(step) {
      const known = traces.get(step) ?? traceStep(job.planAt(step), states[step]!, { weights })
      traces.set(step, known)
      return known
    },
  }
  const adapterOf = (values: Float32Array) => {
    const file = encodeAdapter({ values, layout: placeLora(graph, options), options, graph, name: info.name })
    return bytesToHex(fileRoot(file))
  }
  const outline: JobOutline = {
    ...{
      steps,
      values: job.values,
      start: async () => job.start,
      final: roots[steps]!,
      readWeights: facts.readWeights,
    },
    planStep: (step, rows) => planLoraStep({ graph, options, step, rows }),
    follows(_step, before, rows, after) {
      const digestOf = (head: Uint8Array) => JSON.parse(new TextDecoder().decode(head)).dataDigest
      return digestBatch(digestOf(before), rows) === digestOf(after)
    },
    adapterRoot: adapterOf,
    deliveredRoot: bytesToHex(fileRoot(trainer.exportAdapter())),
    whole: job,
  }
  return { own: { job, record, weights }, states, facts, outline }
}

export type LoraCheat = {
  alter?: (table: StepTable, values: Float32Array) => void
  /** Another plan of the step than the job's. */
  plan?: (facts: LoraRun['facts']) => StepPlan
  /** Another head of the state after it. */
  head?: (head: Uint8Array) => Uint8Array
  /** Other weights after the step than its trace has. */
  state?: (state: TrainingState) => void
}

/** Takes one step as the cheat says; its trace leads to what it commits to as the state after, as well as it can. */
export function trainFalsely({ own, states, facts }: LoraRun, how: LoraCheat, at: number): TrainingRecord {
  const { job, weights } = own
  const all = states.slice(0, at + 1)
  const headAt = (i: number) => (i === at + 1 ? (how.head?.(job.headAt(i)) ?? job.headAt(i)) : job.headAt(i))
  const plan = how.plan?.(facts) ?? job.planAt(at)
  const trace = traceStep(plan, all[at]!, { weights, ...(how.alter && { alter: how.alter }) })
  how.state?.(trace.after)
  // What comes after the wrong step matters to nobody here: states differ from there on.
  for (let step = at; step < job.steps; step++) all.push(trace.after)
  const roots = all.map((state, i) => rootOfPieces(headAt(i), pieceDigests(state)))
  return { states: roots, headAt, stateAt: async (i) => all[i]!, traceAt: async () => trace }
}
