/** A training of an adapter as a job that can be disputed. Spec: spec/dispute.md §11.1, §14. */
import type { Hex } from '@weightless/codec'
import type { TokenRow } from '@weightless/tensor'
import type { Graph } from '@weightless/tensor/model/describeGraph'
import type { LoraOptions } from '@weightless/tensor/train/loraOptions'
import type { TrainProgress } from '@weightless/tensor/train/loraTraining'
import { drawInitial, placeLora } from '@weightless/tensor/train/loraWeights'
import { digestBatch, encodeLoraHead } from '@weightless/tensor/train/trainerState'
import { planLoraStep, requirePlannable } from './stepPlan.ts'
import type { ReadWeights, TrainingJob } from './trainingJob.ts'
import { pieceDigests, rootOfPieces, type TrainingState } from './trainingState.ts'

export type LoraJobFacts = {
  graph: Graph
  programId: Hex
  options: LoraOptions
  /** The rows of each step. */
  batches: readonly (readonly TokenRow[])[]
  readWeights: ReadWeights
}

/** @throws {JobUndisputableError} */
export function loraJob({ graph, programId, options, batches, readWeights }: LoraJobFacts): TrainingJob {
  requirePlannable(graph)
  const largest = batches.toSorted((a, b) => tokensOf(b) - tokensOf(a))[0]
  if (largest) planLoraStep({ graph, options, step: 0, rows: largest })
  const { length: values } = placeLora(graph, options)
  const progress = progressOf(batches)
  const headAt = (steps: number) => encodeLoraHead({ programId, options, values }, progress[steps]!)
  return {
    steps: batches.length,
    start: rootOfPieces(headAt(0), pieceDigests(startOf(graph, options))),
    values,
    headAt,
    rowsAt: (step) => batches[step]!,
    planAt: (step) => planLoraStep({ graph, options, step, rows: batches[step]! }),
    readWeights,
  }
}

/** The state before the first step. */
function startOf(graph: Graph, options: LoraOptions): TrainingState {
  const layout = placeLora(graph, options)
  const p = drawInitial(layout, options)
  return { p, m: new Float32Array(p.length), v: new Float32Array(p.length) }
}

function tokensOf(rows: readonly TokenRow[]): number {
  return rows.reduce((sum, { tokens }) => sum + tokens.length, 0)
}

function progressOf(batches: LoraJobFacts['batches']): TrainProgress[] {
  const list: TrainProgress[] = [{ step: 0, rowsSeen: 0, dataDigest: digestBatch() }]
  for (const rows of batches) {
    const { step, rowsSeen, dataDigest } = list.at(-1)!
    list.push({ step: step + 1, rowsSeen: rowsSeen + rows.length, dataDigest: digestBatch(dataDigest, rows) })
  }
  return list
}
