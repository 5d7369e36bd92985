/** What a page asks of the worker that checks, and what it hears from it. */
import type { Hex } from '@weightless/codec'
import type { Verification } from '@weightless/receipt'
import type { Dispute, Judgement } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'

/** Documents go as the JSON that they came as, and are read again where they are judged. */
export type CheckJob =
  /** `isOurs`: a receipt of another chain or contract is refused; else it is checked as its own network would. */
  | { kind: 'verify'; bundle: unknown; isOurs: boolean }
  | { kind: 'embed'; bundle: unknown; request: Blob; encoder: EncoderParts }
  | { kind: 'judge'; verdict: unknown }
  | { kind: 'dispute'; bundle: unknown }

/** The files of a published encoder. */
export type EncoderParts = { weights: Blob; config: Blob; tokenizer: Blob }

/** A model that the user has as a file; with `hashed` its root was found here before. */
export type LocalWeights = { file: Blob; hashed?: HashedFile | undefined }
export type HashedFile = { root: Hex; segmentRoots: Uint8Array }

export type CheckRequest = {
  job: CheckJob
  /** Without it the worker reaches no network. */
  config: NetworkConfig | undefined
  weights: LocalWeights | undefined
}

export type CheckStage = 'starting' | 'kept' | 'loading' | 'hashing' | 'opening' | 'executing' | 'asking' | 'judging'
export type CheckProgress = { stage: CheckStage; done: number; total: number }

export type WeightsFrom = 'kept' | 'network' | 'file' | 'none'

export type CheckResult =
  | { kind: 'verify'; outcome: Verification }
  | { kind: 'judge'; judgement: Judgement }
  /** `verdict`: the file that shows a guilty provider, as text. */
  | { kind: 'dispute'; dispute: Dispute; verdict: string | undefined }

export type Finished = {
  result: CheckResult
  weightsFrom: WeightsFrom
  /** From the first to the last step of the check. */
  tookMs: number
  /** Of that, everything after the weights were there and hashed. */
  workMs: number
}

export type CheckMessage =
  /** Messages before it are lost, because the kernels are awaited while the worker's module loads. */
  | { type: 'ready' }
  | { type: 'progress'; progress: CheckProgress }
  | { type: 'hashed'; hashed: HashedFile }
  | { type: 'finished'; finished: Finished }
  | { type: 'failed'; code: string; message: string; hint?: string | undefined }
