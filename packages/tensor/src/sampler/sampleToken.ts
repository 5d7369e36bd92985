/**
 * Chooses the next token from logits by exact integer arithmetic on weights, so that the choice has no reduction order:
 * greedy, or temperature with top-p. Ties go to the lowest token. Spec: spec/tensor.md §7.
 */
import type { Arena } from '../kernels/loadKernels.ts'
import { drawWords } from './philox.ts'

export type SamplingParameters = {
  /** 0 chooses greedily. Rounded to f32. */
  temperature: number
  /** In (0, 1]: keep the fewest likeliest tokens that together have this share. */
  topP: number
  /** 32 bytes; draw i of a run uses counter i. */
  seed32: Uint8Array
}

export type Sample = {
  token: number
  /** What the trace commits to: token, tokens kept (u32), their weight (f64), the two random words; little-endian. */
  record: Uint8Array
}

/**
 * @param logits - a view on the arena's memory
 * @param weights - address of room for as many u32, rounded up to a multiple of 4
 * @param index - which output token this is, from 0
 */
export function sampleToken(
  arena: Arena,
  logits: Float32Array,
  weights: number,
  parameters: SamplingParameters,
  index: number,
): Sample {
  const best = argmax(logits)
  const temperature = Math.fround(parameters.temperature)
  if (temperature === 0) return sampleOf(best, 1, 0, 0, 0)
  const count = Math.ceil(logits.length / 4) * 4
  arena.kernels.sampleWeights(logits.byteOffset, weights, count, logits[best]!, temperature)
  const values = arena.words(weights, logits.length)
  const nucleus = findNucleus(values, parameters.topP)
  const [high, low] = drawWords(parameters.seed32, index)
  const fraction = (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
  const token = walk(values, nucleus, fraction * nucleus.total, best)
  return sampleOf(token, nucleus.count, nucleus.total, high, low)
}

export function argmax(logits: Float32Array): number {
  let best = 0
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[best]!) best = i
  return best
}

/** Kept are tokens above the cut weight, and those of exactly that weight up to `cutToken`. Sums are exact integers. */
type Nucleus = { cutWeight: number; cutToken: number; count: number; total: number }

function findNucleus(weights: Uint32Array, topP: number): Nucleus {
  const sums = new Float64Array(33)
  for (let i = 0; i < weights.length; i++) sums[32 - Math.clz32(weights[i]!)]! += weights[i]!
  const all = sums.reduce((sum, value) => sum + value, 0)
  if (topP >= 1) return { cutWeight: 1, cutToken: weights.length, count: countAbove(weights, 0), total: all }
  const needed = topP * all
  let total = 0
  let bucket = 32
  while (bucket > 1 && total + sums[bucket]! < needed) total += sums[bucket--]!
  // Only the bucket in which the share is reached needs sorting.
  const floor = 2 ** bucket
  let count = countAbove(weights, floor - 1)
  const tokens: number[] = []
  for (let i = 0; i < weights.length; i++) if (32 - Math.clz32(weights[i]!) === bucket) tokens.push(i)
  tokens.sort((a, b) => weights[b]! - weights[a]! || a - b)
  let cut = tokens[0] ?? 0
  for (const token of tokens) {
    total += weights[token]!
    count++
    cut = token
    if (total >= needed) break
  }
  return { cutWeight: weights[cut]!, cutToken: cut, count, total }
}

function countAbove(weights: Uint32Array, floor: number): number {
  let count = 0
  for (let i = 0; i < weights.length; i++) if (weights[i]! > floor) count++
  return count
}

/** The first kept token, in order of tokens, at which the kept weights together exceed `target`. */
function walk(weights: Uint32Array, { cutWeight, cutToken }: Nucleus, target: number, fallback: number): number {
  let sum = 0
  let last = fallback
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!
    if (weight < cutWeight || (weight === cutWeight && i > cutToken)) continue
    sum += weight
    last = i
    if (sum > target) return i
  }
  return last
}

function sampleOf(token: number, count: number, total: number, high: number, low: number): Sample {
  const record = new Uint8Array(24)
  const view = new DataView(record.buffer)
  view.setUint32(0, token, true)
  view.setUint32(4, count, true)
  view.setFloat64(8, total, true)
  view.setUint32(16, high, true)
  view.setUint32(20, low, true)
  return { token, record }
}
