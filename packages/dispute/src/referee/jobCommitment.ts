/** A job as everybody in a dispute knows it. Spec: spec/dispute.md §7. */
import type { TokenMask } from '@weightless/tensor/grammar/tokenMask'
import type { AdaptedGraph } from '../working/planOperator.ts'
import type { Draw } from '../working/rules.ts'

/** What a receipt commits to, and what it says about the model (checked by the caller: modelRoot, programId). */
export type JobCommitment = {
  graph: AdaptedGraph
  traceRoot: Uint8Array
  /** Steps of the trace. */
  steps: number
  promptTokens: number
  sampler: Pick<Draw, 'temperature' | 'topP' | 'seed32' | 'adjust'>
  /** Of a new answer, where the request holds it to a set of texts (TENSOR §7.2). */
  mask?: () => TokenMask
}
