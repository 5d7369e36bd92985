/** What a provider needs of something that runs models; the embedded engine, llama.cpp or an upstream stand behind it. */
import { type Hex, WeightlessError } from '@weightless/codec'
import type { FetchResponse } from '@weightless/env'
import type { LogprobKind, Message, SamplerParameters } from '@weightless/receipt'
import type { AnswerShape } from '@weightless/tensor'
import type { DisputeAnswer, DisputeQuestion } from '../wire/disputeMessages.ts'
import type { EmbeddingsRequest } from '../wire/embeddingsRequest.ts'
import type { EmbeddingsVerdict } from '../wire/embedInputs.ts'
import type { ServiceName, ServicePath } from '../wire/services.ts'

export type EngineModel = {
  name: string
  modelRoot: Hex
  programId: Hex
  tokenizerRoot: Hex
  contextLength: number
  /** RECEIPT §2.2: `checks.reExecution` where the same job gives the same bits anywhere. */
  check: number
}

export type EngineJob = {
  messages: readonly Message[]
  /** The 32 bytes of the receipt's `seed`. */
  seed: Hex
  sampler: SamplerParameters
  stop: readonly string[]
  /** What the answer is held to; absent: nothing. */
  shape?: AnswerShape | undefined
  /** Alternatives wanted per token; undefined: no log-probabilities at all. */
  topLogprobs: number | undefined
  /** Jobs with the same one are of one request: what their prompts have in common is computed once. */
  group?: string
}

export type EngineLogprob = { token: number; text: string; bytes: Uint8Array; logprob: number }

export type EngineToken = {
  token: number
  /** Text that is certain now: whole characters, nothing that may still become a stop string. May be empty. */
  text: string
  logprob?: EngineLogprob & { top: EngineLogprob[] }
}

export type EngineEnd = {
  finishReason: 'stop' | 'length' | 'cancelled'
  promptTokens: number
  outputTokens: number[]
  outputText: string
  /** 32 zero bytes when nothing was traced. */
  traceRoot: Hex
  /** Encoded step digests, TENSOR §8.3. */
  trace: Uint8Array | undefined
}

export type EngineRun = {
  promptTokens: number
  /** In order; the engine runs at most a bounded number of tokens ahead of whoever reads. */
  tokens: AsyncIterable<EngineToken>
  /**
   * What has been made. `keepTokens` cuts the answer there (the client left) and stops the engine.
   * @throws {EngineFailedError}
   */
  end(keepTokens?: number): Promise<EngineEnd>
}

export type DisputedJob = {
  /** Of the dispute: what was executed for it is kept until it is forgotten. */
  key: string
  job: EngineJob
  outputTokens: readonly number[]
  finishReason: EngineEnd['finishReason']
  traceRoot: Hex
  question: DisputeQuestion
}

/** Token level and re-executable: the embedded engine. */
export type ExactEngine = {
  kind: 'exact'
  model: EngineModel
  /** Tokens of the rendered prompt; `tools` as in `AnswerShape`. @throws {EngineRefusedError} @throws {EngineFailedError} */
  countPrompt(messages: readonly Message[], tools?: string): Promise<number>
  /** Jobs that run side by side; more may be started, and wait. The bits of one do not depend on the others. */
  concurrent: number
  /** Starts a job. */
  start(job: EngineJob): Promise<EngineRun>
  /**
   * Does an answered job again, to list the digest of every operator (TENSOR §8.3): too much to keep for every answer.
   * Undefined where the engine has no such thing.
   */
  traceOperators(job: EngineJob, end: Pick<EngineEnd, 'outputTokens' | 'finishReason'>): Promise<Uint8Array | undefined>
  /**
   * Answers a question about the working of an answered job; undefined where there is nothing at that place. Absent where
   * the engine cannot read the model's file. DISPUTE §9
   */
  defend?(disputed: DisputedJob): Promise<DisputeAnswer | undefined>
  /** Ends what is under way for a dispute, and gives its memory back. */
  forgetDispute?(key: string): void
  close(): Promise<void>
}

export type UpstreamAsk = {
  path: ServicePath
  contentType: string
  body: Uint8Array
  /** Aborting it ends the request at the upstream at once. */
  signal: AbortSignal
}

/** The file that a server runs, by storage root, and how its log-probabilities are meant. FINGERPRINT §3 */
export type PrintSource = {
  modelRoot: Hex
  logprobs: LogprobKind
  /** What it is told beside the request so that it draws as that says; empty where it would refuse such words. */
  words: object
}

/** Passes whole requests on to a server that speaks OpenAI's protocol; nobody can re-execute its answers. COMPUTE §11 */
export type UpstreamEngine = {
  kind: 'upstream'
  /** The roots are zero words, but for the model's where answers have fingerprints: what really runs there is the provider's word. */
  model: EngineModel
  /** Undefined where no file is named. */
  fingerprint: PrintSource | undefined
  /** The model's name at the upstream. */
  upstreamModel: string
  services: readonly ServiceName[]
  /** Tokens of a text by the model's own tokenizer; undefined where none was given. */
  countTokens: ((text: string) => Promise<number>) | undefined
  /** The head of the answer; its body is read as it comes. @throws {UpstreamFailedError} {AbortedError} */
  ask(ask: UpstreamAsk): Promise<FetchResponse>
  /** Seconds after which asking makes sense, while the upstream does not answer; else undefined. */
  awayForSeconds(): number | undefined
  close(): Promise<void>
}

/** Makes embeddings, the same bytes on every machine. COMPUTE §13 */
export type EncoderEngine = {
  kind: 'encoder'
  model: EngineModel
  services: readonly ServiceName[]
  /** Values of a whole vector. */
  dimensions: number
  /** Requests that run in turns. */
  concurrent: number
  /** The answer's bytes; what the user did wrong is a verdict. @throws {EngineFailedError} {AbortedError} */
  embed(request: EmbeddingsRequest, signal: AbortSignal): Promise<EmbeddingsVerdict>
  close(): Promise<void>
}

export type Engine = ExactEngine | UpstreamEngine | EncoderEngine

/** The conversation does not fit the model: the user's doing, not the engine's. */
export class EngineRefusedError extends WeightlessError {
  constructor(facts: { model: string; reason: string }) {
    super('compute/engine-refused', 'The model cannot take this conversation.', facts)
  }
}

export class EngineFailedError extends WeightlessError {
  constructor(facts: { model: string; reason: string }, cause?: unknown) {
    super('compute/engine-failed', 'The engine could not finish the job.', facts, cause === undefined ? {} : { cause })
  }
}

export class UpstreamFailedError extends WeightlessError {
  constructor(facts: { reason: string }, cause?: unknown) {
    super(
      'compute/upstream-failed',
      'The server behind the provider failed.',
      facts,
      cause === undefined ? {} : { cause },
    )
  }
}
