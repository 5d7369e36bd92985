/** What the receipt of a chat commits to of its request; gateway and provider compute it alike. RECEIPT §4.2, §4.3 */
import type { Hex } from '@weightless/codec'
import type { SamplerParameters } from '@weightless/receipt'
import { requestHash, samplerHash } from '@weightless/receipt/commitments'
import type { ChatRequest } from './chatRequest.ts'

export function samplerOf({ temperature, topP, adjustments }: ChatRequest, maxTokens: number): SamplerParameters {
  return { temperature, topP, maxTokens, ...adjustments }
}

export function hashChatRequest(request: ChatRequest, maxTokens: number): Hex {
  const { messages, stop, shape } = request
  return requestHash(messages, stop, samplerHash(samplerOf(request, maxTokens)), shape)
}

/** Answers to the one prompt. */
export function choicesOfRequest({ shape }: ChatRequest): number {
  return shape?.choices ?? 1
}
