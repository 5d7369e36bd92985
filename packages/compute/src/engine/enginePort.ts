/** The messages between the embedded engine's worker and whoever opened it. */
import type { CrewSeat } from '@weightless/tensor'
import type { DisputeAnswer } from '../wire/disputeMessages.ts'
import type { DisputedJob, EngineEnd, EngineJob, EngineModel, EngineToken } from './engine.ts'

/** Input of the worker; the buffer of `weights` is moved. */
export type EngineInput = {
  name: string
  weights: Uint8Array
  /** A LoRA adapter that every answer includes. */
  adapter?: Uint8Array
  seat?: CrewSeat
  /** Bytes of the model's file, whose ranges the worker may ask for; absent: it has nobody to ask. */
  fileBytes?: number
  /** Jobs in memory at once. */
  concurrent: number
  /** Bytes that their keys and values may come to take. */
  cacheBytesMax: number
}

export type ToWorker =
  | { kind: 'count'; id: number; messages: EngineJob['messages']; tools: string }
  | { kind: 'run'; id: number; job: EngineJob; ahead: number }
  /** The reader has taken `count` tokens more. */
  | { kind: 'credit'; id: number; count: number }
  /** Finish, or with `keepTokens` stop there; the answer is `done`. */
  | { kind: 'end'; id: number; keepTokens: number | undefined }
  | { kind: 'trace'; id: number; job: EngineJob; end: Pick<EngineEnd, 'outputTokens' | 'finishReason'> }
  | { kind: 'defend'; id: number; disputed: DisputedJob }
  | { kind: 'forget'; key: string }
  /** What was read; undefined if it could not be. */
  | { kind: 'bytes'; id: number; bytes: Uint8Array | undefined }
  /** Answers a pulse: the worker has no other way to let messages in between two passes of a computation. */
  | { kind: 'pulse' }

export type PassedToken = { id: number; token: EngineToken }

export type FromWorker =
  | { kind: 'ready'; model: Omit<EngineModel, 'check'>; memoryBytes: number }
  | { kind: 'counted'; id: number; tokens: number }
  | { kind: 'started'; id: number; promptTokens: number }
  /** What a pass has made, of all jobs. */
  | { kind: 'tokens'; tokens: PassedToken[] }
  /** No more tokens will come. */
  | { kind: 'drained'; id: number }
  | { kind: 'done'; id: number; end: EngineEnd }
  | { kind: 'traced'; id: number; trace: Uint8Array }
  | { kind: 'defended'; id: number; answer: DisputeAnswer | undefined }
  /** A range of the model's file is wanted; numbered by the worker. */
  | { kind: 'read'; id: number; offset: number; length: number }
  | { kind: 'failed'; id: number; reason: string; refused: boolean }
  | { kind: 'pulse' }
