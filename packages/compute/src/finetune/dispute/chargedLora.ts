/** A training of an adapter as a judge knows it: the heads of its trainer's states name rows by their digests. Spec: spec/dispute.md §14.3 */
import { bytesToHex, bytesToText, type Hex, hexToBytes, isHexOf } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { type LoraJobFacts, loraJob, planLoraStep } from '@weightless/dispute'
import { encodeAdapter } from '@weightless/tensor/adapter/encodeAdapter'
import { placeLora } from '@weightless/tensor/train/loraWeights'
import { digestBatch } from '@weightless/tensor/train/trainerState'
import type { ChargedJob } from './chargedJob.ts'
import { planClaimed } from './planClaimed.ts'

/** `batches` where the data are there. */
export type LoraCharge = Omit<LoraJobFacts, 'batches'> & {
  /** Of the base model, as its file says. */
  name: string
  batches?: LoraJobFacts['batches']
}

export function chargedLora({ graph, programId, options, readWeights, name, batches }: LoraCharge): ChargedJob {
  const layout = placeLora(graph, options)
  const facts = { graph, programId, options, readWeights }
  return {
    outline: ({ receipt, opening }, steps) => ({
      ...{ steps, values: layout.length, final: hexToBytes(receipt.traceRoot), readWeights },
      start: async () => loraJob({ ...facts, batches: [] }).start,
      planStep: (step, rows) => planClaimed(graph, rows, () => planLoraStep({ graph, options, step, rows })),
      follows(_step, before, rows, after) {
        const [from, to] = [digestIn(before), digestIn(after)]
        return from !== undefined && digestBatch(from, rows) === to
      },
      adapterRoot: (values) => bytesToHex(fileRoot(encodeAdapter({ values, layout, options, graph, name }))),
      deliveredRoot: opening.adapterRoot,
      whole: batches && loraJob({ ...facts, batches }),
    }),
  }
}

/** The digest of the data so far, of a head. */
function digestIn(head: Uint8Array): Hex | undefined {
  try {
    const { dataDigest } = JSON.parse(bytesToText(head)) as { dataDigest?: unknown }
    return isHexOf(dataDigest, 32) ? dataDigest : undefined
  } catch {
    // Whatever its trainer wrote there binds no rows.
    return undefined
  }
}
