/**
 * What a request changes in the logits before a token is chosen: a bias, penalties for tokens that the answer has already,
 * and the mask of a grammar. Without any of them the logits stay as they are. Spec: spec/tensor.md §7.1.
 */
import type { Arena } from '../kernels/loadKernels.ts'

export type Adjustments = {
  /** −2…2, rounded to f32: taken from the logit of each token that the answer has. */
  presencePenalty?: number | undefined
  /** −2…2, rounded to f32: taken once for each time that the answer has the token. */
  frequencyPenalty?: number | undefined
  /** Token and what is added to its logit, −100…100, rounded to f32. */
  logitBias?: readonly (readonly [token: number, bias: number])[] | undefined
}

export type LogitAdjuster = {
  /** Whether `adjust` without `allowed` gives the logits themselves. */
  isIdle(): boolean
  /**
   * The logits to choose from; `logits` itself where nothing changes, else valid until the next call.
   * @param allowed - bit set of the tokens that may come; absent: all
   */
  adjust(logits: Float32Array, allowed?: Uint32Array): Float32Array
  /** Counts a token of the answer. */
  push(token: number): void
}

/** @param room - address for as many f32 as logits, rounded up to a multiple of 4 */
export function createAdjuster(arena: Pick<Arena, 'floats'>, room: number, adjustments: Adjustments): LogitAdjuster {
  const { logitBias = [] } = adjustments
  const presence = Math.fround(adjustments.presencePenalty ?? 0)
  const frequency = Math.fround(adjustments.frequencyPenalty ?? 0)
  const counts = new Map<number, number>()
  const isPenalised = presence !== 0 || frequency !== 0
  const isIdle = () => logitBias.length === 0 && counts.size === 0
  return {
    isIdle,
    adjust(logits, allowed) {
      if (isIdle() && allowed === undefined) return logits
      const adjusted = arena.floats(room, logits.length)
      adjusted.set(logits)
      for (const [token, bias] of logitBias) adjusted[token] = adjusted[token]! + Math.fround(bias)
      // Stored to f32 after each operation: rounded alone.
      for (const [token, count] of counts) {
        adjusted[token] = adjusted[token]! - Math.fround(count * frequency)
        adjusted[token] = adjusted[token]! - presence
      }
      if (allowed !== undefined) mask(adjusted, allowed)
      return adjusted
    },
    push(token) {
      if (isPenalised) counts.set(token, (counts.get(token) ?? 0) + 1)
    },
  }
}

function mask(logits: Float32Array, allowed: Uint32Array): void {
  for (let word = 0; word < allowed.length; word++) {
    const bits = allowed[word]!
    if (bits === 0xffffffff) continue
    const end = Math.min(logits.length, word * 32 + 32)
    for (let token = word * 32; token < end; token++) {
      if (((bits >>> (token & 31)) & 1) === 0) logits[token] = Number.NEGATIVE_INFINITY
    }
  }
}
