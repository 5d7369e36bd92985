/** A job as the model takes it. */
import { hexToBytes } from '@weightless/codec'
import type { ChatRequest } from '@weightless/tensor'
import type { EngineJob } from './engine.ts'

export function chatRequest({ messages, sampler, seed, stop, shape }: EngineJob): ChatRequest {
  return { messages, ...sampler, stop, shape, seed32: hexToBytes(seed) }
}
