/** Log-probabilities of tokens under the model itself (temperature 1, nothing cut off). */
import type { Arena } from '../kernels/loadKernels.ts'
import { naturalLog } from './naturalLog.ts'
import { argmax } from './sampleToken.ts'

export type TokenLogprob = { token: number; logprob: number }

export type Logprobs = TokenLogprob & { top: readonly TokenLogprob[] }

/**
 * @param weights - address of room for as many u32 as logits, rounded up to a multiple of 4
 * @param topCount - how many of the likeliest to list, likeliest first, ties by token
 */
export function logprobsOf(
  arena: Arena,
  logits: Float32Array,
  weights: number,
  token: number,
  topCount: number,
): Logprobs {
  const best = logits[argmax(logits)]!
  arena.kernels.sampleWeights(logits.byteOffset, weights, Math.ceil(logits.length / 4) * 4, best, 1)
  const total = arena.words(weights, logits.length).reduce((sum, weight) => sum + weight, 0)
  const logTotal = naturalLog(total / 2 ** 31)
  const logprob = (id: number) => logits[id]! - best - logTotal
  const top = likeliest(logits, topCount).map((id) => ({ token: id, logprob: logprob(id) }))
  return { token, logprob: logprob(token), top }
}

function likeliest(logits: Float32Array, count: number): number[] {
  const found: number[] = []
  if (count === 0) return found
  for (let id = 0; id < logits.length; id++) {
    if (found.length === count && logits[id]! <= logits[found.at(-1)!]!) continue
    let at = found.length
    while (at > 0 && logits[found[at - 1]!]! < logits[id]!) at--
    found.splice(at, 0, id)
    if (found.length > count) found.pop()
  }
  return found
}
