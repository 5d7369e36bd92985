/** A receipt with what its hashes stand for. Spec: RECEIPT §6. */
import type { Hex } from '@weightless/codec'
import type { Acceptance } from './authorization.ts'
import type { Message, Price, RequestShape, SamplerParameters, SeedSource } from './commitments.ts'
import type { Receipt } from './receipt.ts'

/** One answer. */
export type ChoiceOutput = {
  outputTokens: number[]
  outputText: string
  /** `cancelled`: the client went away; only what was emitted is billed. */
  finishReason: 'stop' | 'length' | 'cancelled'
  /** Digests of the run's steps, or of all operators, which let a verifier name the first that differs. TENSOR §8.3 */
  trace?: Uint8Array
}

/** What the hashes of a chat's receipt stand for. It stays with the user. RECEIPT §6.2 */
export type ChatOpening = ChoiceOutput & {
  salt: Hex
  messages: Message[]
  stop: string[]
  sampler: SamplerParameters
  seed: SeedSource
  price: Price
  shape?: RequestShape
  /** The answers after the first, where `shape` asks for more than one. */
  more?: ChoiceOutput[]
  /** Of each answer then, zero where it has no token. */
  traceRoots?: Hex[]
}

/** Why an answer ended, as far as its bill is concerned. `upstream_failed`: the server behind the provider broke off. */
export type BodyFinish = 'stop' | 'cancelled' | 'upstream_failed'

/** What the hashes of a receipt about bytes stand for; the bytes themselves are the user's to keep. RECEIPT §6.3 */
export type BodyOpening = {
  kind: 'body'
  salt: Hex
  /** Canonical path of the request, without a query. */
  path: string
  /** Of the bytes between provider and whoever asked it, as they were really sent. */
  requestSha256: Hex
  responseSha256: Hex
  finishReason: BodyFinish
  price: Price
}

export type Opening = ChatOpening | BodyOpening

export type Bundle<Opened extends Opening = Opening> = {
  /** Address of the ReceiptSettlement contract of the EIP-712 domain. */
  settlement: Hex
  receipt: Receipt
  signature: Hex
  opening: Opened
  /** The provider's word for this job from before it, where it was asked for. SETTLEMENT §2.7 */
  acceptance?: Acceptance
}
