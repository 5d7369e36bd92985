/**
 * A training of all weights as a judge knows it: heads name data by root and rows by a cursor, so that what rows a step had, and the state that all
 * begins with, follow from the data alone. Spec: spec/dispute.md §14.3
 */
import { bytesEqual, bytesToHex, hexToBytes } from '@weightless/codec'
import { fileRoot } from '@weightless/crypto'
import { type FullJobFacts, fullCourse, fullStart, pieceDigests, planFullStep } from '@weightless/dispute'
import { widenTensor } from '@weightless/dispute/numbers/weightChunk'
import { rootOfPieces } from '@weightless/dispute/training/trainingState'
import type { ByteSource, Gguf, TokenRow } from '@weightless/tensor'
import { encodeFullModel } from '@weightless/tensor/train/full/exportModel'
import { placeSlots } from '@weightless/tensor/train/full/wholeWeights'
import type { ChargedJob } from './chargedJob.ts'
import { planClaimed } from './planClaimed.ts'

export type FullCharge = Pick<FullJobFacts, 'graph' | 'programId' | 'options'> & {
  gguf: Pick<Gguf, 'metadata'>
  source: ByteSource
  /** Where they are there. */
  data?: Pick<FullJobFacts, 'corpus' | 'steps'>
}

export function chargedFull({ graph, programId, options, gguf, source, data }: FullCharge): ChargedJob {
  const slots = placeSlots(graph)
  const whole = data && fullCourse({ graph, programId, options, ...data })
  return {
    outline: ({ receipt, opening }, steps) => ({
      ...{ steps, values: slots.reduce((sum, { length }) => sum + length, 0), final: hexToBytes(receipt.traceRoot) },
      async start() {
        if (!whole) return undefined
        const state = await fullStart(graph, async (name) => {
          const tensor = graph.tensors.get(name)!
          return widenTensor(tensor, await source.read(tensor.offset, tensor.sizeBytes))
        })
        return rootOfPieces(whole.headAt(0), pieceDigests(state))
      },
      planStep: (step, rows) => planClaimed(graph, rows, () => planFullStep({ graph, options, step, rows })),
      follows(step, before, rows, after) {
        if (!whole || step >= whole.steps) return false
        const hasHeads = bytesEqual(before, whole.headAt(step)) && bytesEqual(after, whole.headAt(step + 1))
        return hasHeads && sameRows(rows, whole.rowsAt(step))
      },
      // Steps read the weights of the state before, and none of the file.
      readWeights: async () => new Float32Array(),
      adapterRoot: (values) => bytesToHex(fileRoot(encodeFullModel({ gguf, slots, values }, 'F32'))),
      deliveredRoot: opening.adapterRoot,
      whole,
    }),
  }
}

function sameRows(claimed: readonly TokenRow[], right: readonly TokenRow[]): boolean {
  const flat = (rows: readonly TokenRow[]) => JSON.stringify(rows.map(({ tokens, mask }) => [tokens, mask]))
  return flat(claimed) === flat(right)
}
