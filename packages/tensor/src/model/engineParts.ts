/** What kernels are called on and with. */
import type { CallRound } from '../crew/callRound.ts'
import type { Crew } from '../crew/crew.ts'
import type { Arena } from '../kernels/loadKernels.ts'
import type { Graph } from './describeGraph.ts'
import type { Scratch } from './scratch.ts'
import type { Weights } from './weights.ts'

export type EngineParts = {
  graph: Graph
  arena: Arena
  weights: Weights
  scratch: Scratch
  angles: Float64Array
  /** Of local layers, where they turn otherwise. */
  localAngles: Float64Array | undefined
  /** 1 / √score size, as f32. */
  scoreFactor: number
  /** Has calls of kernels made, by the crew too. */
  round: CallRound
  /** Mate threads, when there are any. */
  crew: Crew | undefined
  /** Threads that may come to work, the caller among them. */
  members: number
  /** Address of room for one u32 per token, for the sampler; of each thread that may come to work one after the other. */
  sampleWeights: number
  /** Address of room for what is drawn after a pass, `sampleBytes` a row. */
  samples: number
  /** Address of room for one f32 per token: logits as a request changes them. */
  adjustedLogits: number
}
