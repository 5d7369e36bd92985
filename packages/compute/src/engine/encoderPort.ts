/** The messages between the encoder's worker and whoever opened it. */
import type { EncoderFiles } from '@weightless/tensor'
import type { EmbeddingsRequest } from '../wire/embeddingsRequest.ts'
import type { EmbeddingsVerdict } from '../wire/embedInputs.ts'
import type { EngineModel } from './engine.ts'

export type EncoderInput = { name: string; files: EncoderFiles }

export type ToEncoder =
  | { kind: 'embed'; id: number; request: EmbeddingsRequest }
  /** Nobody waits for it any more. */
  | { kind: 'leave'; id: number }
  /** Answers a pulse: lets messages in between two passes. */
  | { kind: 'pulse' }

export type FromEncoder =
  | { kind: 'ready'; model: Omit<EngineModel, 'check'>; dimensions: number; memoryBytes: number }
  | { kind: 'embedded'; id: number; verdict: EmbeddingsVerdict }
  | { kind: 'failed'; id: number; reason: string }
  | { kind: 'pulse' }
