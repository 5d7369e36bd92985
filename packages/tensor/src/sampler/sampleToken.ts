/**
 * Chooses the next token from logits by exact integer arithmetic on weights, so that the choice has no reduction order:
 * greedy, or temperature with top-p. Ties go to the lowest token. Spec: spec/tensor.md §7.
 */
import type { Arena, Kernels } from '../kernels/loadKernels.ts'
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

/** What one draw needs: `SamplingParameters` with the random words of its index. Temperature is an f32. */
export type Draw = { temperature: number; topP: number; high: number; low: number }

export function drawOf({ temperature, topP, seed32 }: SamplingParameters, index: number): Draw {
  const [high, low] = drawWords(seed32, index)
  return { temperature: Math.fround(temperature), topP, high, low }
}

/** Bytes of a record. */
export const sampleBytes = 24

/** Room that one thread needs for the weights of so many logits. */
export const weightsBytes = (logits: number) => Math.ceil(logits / 4) * 16

/**
 * @param logits - a view on the arena's memory
 * @param weights - address of room for as many u32, rounded up to a multiple of 4
 * @param index - which output token this is, from 0
 */
export function sampleToken(
  arena: Pick<Arena, 'kernels'>,
  logits: Float32Array,
  weights: number,
  parameters: SamplingParameters,
  index: number,
): Sample {
  return sampleRow(arena.kernels, logits, weights, drawOf(parameters, index))
}

/** As `sampleToken`, for any thread that has the kernels on the memory of `logits`. */
export function sampleRow(kernels: Kernels, logits: Float32Array, weights: number, draw: Draw): Sample {
  const { temperature, topP, high, low } = draw
  const best = argmax(logits)
  if (temperature === 0) return sampleOf(best, 1, 0, 0, 0)
  const count = Math.ceil(logits.length / 4) * 4
  kernels.sampleWeights(logits.byteOffset, weights, count, logits[best]!, temperature)
  const values = new Uint32Array(logits.buffer, weights, logits.length)
  const nucleus = findNucleus(values, topP)
  const fraction = (high * 2 ** 21 + (low >>> 11)) / 2 ** 53
  const token = walk(values, nucleus, fraction * nucleus.total, best)
  return sampleOf(token, nucleus.count, nucleus.total, high, low)
}

/** The first of the largest. */
export function argmax(logits: Float32Array): number {
  // Four largest side by side: a comparison does not wait for the one before.
  let [a, b, c, d] = [logits[0]!, logits[0]!, logits[0]!, logits[0]!]
  let i = 0
  for (; i + 3 < logits.length; i += 4) {
    if (logits[i]! > a) a = logits[i]!
    if (logits[i + 1]! > b) b = logits[i + 1]!
    if (logits[i + 2]! > c) c = logits[i + 2]!
    if (logits[i + 3]! > d) d = logits[i + 3]!
  }
  for (; i < logits.length; i++) if (logits[i]! > a) a = logits[i]!
  return logits.indexOf(Math.max(a, b, c, d))
}

/**
 * Kept are tokens above the cut weight, and those of exactly that weight up to `cutToken`. Sums are exact integers. `tokens`,
 * where there are any, are rising and hold all that are kept.
 */
type Nucleus = { cutWeight: number; cutToken: number; count: number; total: number; tokens: Uint32Array | undefined }

/** Bits by which the least weight falls from one search for the likeliest tokens to the next. */
const searchBits = 8

function findNucleus(weights: Uint32Array, topP: number): Nucleus {
  if (topP >= 1) {
    const { sum, count } = sumWeights(weights)
    return { cutWeight: 1, cutToken: weights.length, count, total: sum, tokens: undefined }
  }
  // Nearly all tokens have next to no weight; the few that have some are sought, and only they are looked at closely.
  const room = new Uint32Array(weights.length)
  const { all, tokens } = tokensWithBits(weights, 32 - searchBits, room)
  const needed = topP * all
  for (let bits = 32 - searchBits, found = tokens; ; bits -= searchBits) {
    const sums = sumByLength(weights, found)
    if (bits === 0 || sums.reduce((sum, value) => sum + value, 0) >= needed) {
      return cutNucleus(weights, found, sums, needed)
    }
    found = tokensWithBits(weights, bits - searchBits, room).tokens
  }
}

/** @param sums - of the weights of `tokens`, by how many bits a weight has */
function cutNucleus(weights: Uint32Array, tokens: Uint32Array, sums: Float64Array, needed: number): Nucleus {
  let total = 0
  let length = 32
  while (length > 1 && total + sums[length]! < needed) total += sums[length--]!
  // Only weights as long as that at which the share is reached need sorting.
  const near: number[] = []
  let count = 0
  for (const token of tokens) {
    const bits = 32 - Math.clz32(weights[token]!)
    if (bits === length) near.push(token)
    else if (bits > length) count++
  }
  near.sort((a, b) => weights[b]! - weights[a]! || a - b)
  let cut = near[0] ?? 0
  for (const token of near) {
    total += weights[token]!
    count++
    cut = token
    if (total >= needed) break
  }
  return { cutWeight: weights[cut]!, cutToken: cut, count, total, tokens }
}

/** Sum of all weights, and the tokens whose weight has more than `bits` bits, in `room`. */
function tokensWithBits(weights: Uint32Array, bits: number, room: Uint32Array): { all: number; tokens: Uint32Array } {
  let all = 0
  let count = 0
  for (let i = 0; i < weights.length; i++) {
    const weight = weights[i]!
    all += weight
    if (weight >>> bits !== 0) room[count++] = i
  }
  return { all, tokens: room.subarray(0, count) }
}

function sumByLength(weights: Uint32Array, tokens: Uint32Array): Float64Array {
  const sums = new Float64Array(33)
  for (const token of tokens) sums[32 - Math.clz32(weights[token]!)]! += weights[token]!
  return sums
}

function sumWeights(weights: Uint32Array): { sum: number; count: number } {
  let sum = 0
  let count = 0
  for (let i = 0; i < weights.length; i++) {
    sum += weights[i]!
    if (weights[i] !== 0) count++
  }
  return { sum, count }
}

/** The first kept token, in order of tokens, at which the kept weights together exceed `target`. */
function walk(weights: Uint32Array, nucleus: Nucleus, target: number, fallback: number): number {
  const { cutWeight, cutToken, tokens } = nucleus
  let sum = 0
  let last = fallback
  const end = tokens ? tokens.length : weights.length
  for (let i = 0; i < end; i++) {
    const token = tokens ? tokens[i]! : i
    const weight = weights[token]!
    if (weight < cutWeight || (weight === cutWeight && token > cutToken)) continue
    sum += weight
    last = token
    if (sum > target) return token
  }
  return last
}

function sampleOf(token: number, count: number, total: number, high: number, low: number): Sample {
  const record = new Uint8Array(sampleBytes)
  const view = new DataView(record.buffer)
  view.setUint32(0, token, true)
  view.setUint32(4, count, true)
  view.setFloat64(8, total, true)
  view.setUint32(16, high, true)
  view.setUint32(20, low, true)
  return { token, record }
}
