/** What a page asks of the worker that checks, and what it hears from it. */
import type { Hex } from '@weightless/codec'
import type { Verification } from '@weightless/receipt'
import type { Challenge, Dispute, Judgement, Slashing } from '@weightless/sdk'
import type { NetworkConfig } from '@weightless/sdk/networkConfig'

/** Documents go as the JSON that they came as, and are read again where they are judged. */
export type CheckJob =
  /** `isOurs`: a receipt of another chain or contract is refused; else it is checked as its own network would. */
  | { kind: 'verify'; bundle: unknown; isOurs: boolean }
  | { kind: 'embed'; bundle: unknown; request: Blob; encoder: EncoderParts }
  | { kind: 'judge'; verdict: unknown }
  | { kind: 'dispute'; bundle: unknown }
  /** Takes a verdict to the chain. */
  | { kind: 'submit'; verdict: unknown }
  /** Disputes an answer on chain, for a bond. */
  | { kind: 'challenge'; bundle: unknown }

/** The files of a published encoder. */
export type EncoderParts = { weights: Blob; config: Blob; tokenizer: Blob }

/** A model that the user has as a file; with `hashed` its root was found here before. */
export type LocalWeights = { file: Blob; hashed?: HashedFile | undefined }
export type HashedFile = { root: Hex; segmentRoots: Uint8Array }

/** Who sends transactions: a test key that everybody knows, or a wallet, which the page asks. */
export type CheckSigner = { kind: 'testKey'; privateKey: Hex } | { kind: 'wallet'; address: Hex }

export type CheckRequest = {
  type: 'check'
  job: CheckJob
  /** Of jobs that send transactions. */
  signer: CheckSigner | undefined
  /** Without it the worker reaches no network. */
  config: NetworkConfig | undefined
  weights: LocalWeights | undefined
}

export type CheckStage =
  | 'starting'
  | 'kept'
  | 'loading'
  | 'hashing'
  | 'opening'
  | 'executing'
  | 'asking'
  | 'judging'
  | 'sending'
export type CheckProgress = { stage: CheckStage; done: number; total: number }

export type WeightsFrom = 'kept' | 'network' | 'file' | 'none'

export type CheckResult =
  | { kind: 'verify'; outcome: Verification }
  | { kind: 'judge'; judgement: Judgement }
  /** `verdict`: the file that shows a guilty provider, as text. */
  | { kind: 'dispute'; dispute: Dispute; verdict: string | undefined }
  | { kind: 'submit'; slashing: Slashing }
  | { kind: 'challenge'; challenge: Challenge }

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
  /** For the user's wallet, as EIP-1193 has it; the page sends a `WalletAnswer` back. */
  | { type: 'wallet'; id: number; call: WalletCall }
  | { type: 'finished'; finished: Finished }
  | { type: 'failed'; code: string; message: string; hint?: string | undefined }

export type WalletCall = { method: string; params?: unknown }
export type WalletAnswer = { type: 'wallet'; id: number } & ({ result: unknown } | { error: string })
