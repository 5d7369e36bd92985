// Row operators of the transformer: embedding rows, normalisation, rotation, gating, addition, quantising (spec/tensor.md §3).
import { exp4 } from './exponential'
import { headBytes, inHalves, inNibbles, minimaOffset, packedBytes } from './layout'

const RUN: i32 = 256

/** y = x / sqrt(mean(x²) + epsilon) * weight for each of `positions` rows of n values; the sum is a run-of-256 tree. */
export function rmsNorm(x: usize, weight: usize, y: usize, n: i32, positions: i32, epsilon: f32): void {
  for (let position = 0; position < positions; position++) {
    const inverse: f32 = <f32>1 / sqrt<f32>(sumOfSquares(x, n) / <f32>n + epsilon)
    const factor = f32x4.splat(inverse)
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      v128.store(y + at, f32x4.mul(f32x4.mul(v128.load(x + at), factor), v128.load(weight + at)))
    }
    x += <usize>(n << 2)
    y += <usize>(n << 2)
  }
}

// @ts-ignore: decorator
@inline
function sumOfSquares(x: usize, n: i32): f32 {
  let total: f32 = 0
  for (let start = 0; start < n; start += RUN) {
    const end = min(start + RUN, n)
    let sum: f32 = 0
    for (let i = start; i < end; i++) {
      const value = load<f32>(x + <usize>(i << 2))
      sum += value * value
    }
    total += sum
  }
  return total
}

/**
 * Quantises `count` blocks of 32 f32 to i16 in shuffled order (elements 4m, 4m+2, 4m+1, 4m+3), an f32 scale and the f32 sum of the integers.
 * Returns 1 when a value is infinite or NaN.
 */
export function quantise(x: usize, q: usize, scales: usize, sums: usize, count: i32): i32 {
  let bad = 0
  for (let block = 0; block < count; block++) {
    let top = f32x4.abs(v128.load(x))
    for (let i: usize = 16; i < 128; i += 16) top = f32x4.max(top, f32x4.abs(v128.load(x + i)))
    const amax: f32 = max(max(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)), max(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)))
    if (!(amax < <f32>Infinity)) bad = 1
    const tiny = amax < reinterpret<f32>(0x0d800000) // 2^-100
    const factor = f32x4.splat(tiny ? 0 : <f32>32767 / amax)
    let total = i32x4.splat(0)
    for (let i: usize = 0; i < 4; i++) {
      const low = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + (i << 5)), factor)))
      const high = i32x4.trunc_sat_f32x4_s(f32x4.nearest(f32x4.mul(v128.load(x + (i << 5), 16), factor)))
      const both = i16x8.narrow_i32x4_s(low, high)
      total = i32x4.add(total, i32x4.extadd_pairwise_i16x8_s(both))
      v128.store(q + (i << 4), v128.shuffle<i16>(both, both, 0, 2, 1, 3, 4, 6, 5, 7))
    }
    store<f32>(scales, tiny ? 0 : amax / <f32>32767)
    store<f32>(sums, <f32>(i32x4.extract_lane(total, 0) + i32x4.extract_lane(total, 1) + i32x4.extract_lane(total, 2) + i32x4.extract_lane(total, 3)))
    x += 128
    q += 64
    scales += 4
    sums += 4
  }
  return bad
}

/** Returns 1 when one of n values (a multiple of 4) is infinite or NaN. */
export function hasNonFinite(x: usize, n: i32): i32 {
  let top = f32x4.splat(0)
  for (let i = 0; i < n; i += 4) top = f32x4.max(top, f32x4.abs(v128.load(x + <usize>(i << 2))))
  const amax: f32 = max(max(f32x4.extract_lane(top, 0), f32x4.extract_lane(top, 1)), max(f32x4.extract_lane(top, 2), f32x4.extract_lane(top, 3)))
  return amax < <f32>Infinity ? 0 : 1
}

/**
 * Rotates the adjacent pairs of each head in place. `x` has `stride` bytes per position and `heads` × `size` values;
 * the tables have `size` values per position: cosines twice each, and (−sine, sine).
 */
export function rotate(x: usize, stride: i32, heads: i32, size: i32, rotated: i32, cosines: usize, sines: usize, positions: i32): void {
  for (let position = 0; position < positions; position++) {
    for (let head = 0; head < heads; head++) {
      const at = x + <usize>(position * stride + ((head * size) << 2))
      for (let i = 0; i < rotated; i += 4) {
        const o = <usize>(i << 2)
        const v = v128.load(at + o)
        const swapped = v128.shuffle<i32>(v, v, 1, 0, 3, 2)
        v128.store(at + o, f32x4.add(f32x4.mul(v, v128.load(cosines + o)), f32x4.mul(swapped, v128.load(sines + o))))
      }
    }
    cosines += <usize>(rotated << 2)
    sines += <usize>(rotated << 2)
  }
}

/** gate = gate / (1 + exp(−gate)) * up, over n values (a multiple of 4). */
export function siluMultiply(gate: usize, up: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    const g = v128.load(gate + at)
    const s = f32x4.div(g, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(g))))
    v128.store(gate + at, f32x4.mul(s, v128.load(up + at)))
  }
}

/** x = x + y over n values (a multiple of 4). */
export function addInto(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    v128.store(x + at, f32x4.add(v128.load(x + at), v128.load(y + at)))
  }
}

/** Weights for sampling: trunc(exp((logit − top) / temperature) × 2³¹) as u32. */
export function sampleWeights(logits: usize, weights: usize, n: i32, top: f32, temperature: f32): void {
  const highest = f32x4.splat(top)
  const divisor = f32x4.splat(temperature)
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    const e = exp4(f32x4.div(f32x4.sub(v128.load(logits + at), highest), divisor))
    v128.store(weights + at, i32x4.trunc_sat_f32x4_u(f32x4.mul(e, f32x4.splat(2147483648))))
  }
}

/** One row of a packed group, dequantised as the file means it. `kind`: of `layout.ts`. */
export function embedRow(group: usize, lane: i32, kind: i32, n: i32, y: usize): void {
  if (kind == 0) {
    for (let i = 0; i < n; i++) store<f32>(y + <usize>(i << 2), load<f32>(group + <usize>((i << 5) + (lane << 2))))
    return
  }
  const minima = minimaOffset(kind)
  for (let block = 0; block < n >> 5; block++) {
    for (let i = 0; i < 32; i++) {
      const head = group + <usize>((lane << 2) + (inHalves(kind) && i > 15 ? 32 : 0))
      let value = load<f32>(head) * <f32>integerAt(kind, group + headBytes(kind), lane, i)
      if (minima != 0) value += load<f32>(head + minima)
      store<f32>(y + <usize>(((block << 5) + i) << 2), value)
    }
    group += packedBytes(kind)
  }
}

function integerAt(kind: i32, from: usize, lane: i32, i: i32): i32 {
  if (inNibbles(kind)) {
    const byte = <i32>load<u8>(from + <usize>((((i & 15) >> 2) << 5) + (lane << 2) + (i & 3)))
    return ((byte >> (i >= 16 ? 4 : 0)) & 15) - (kind == 2 ? 8 : 0)
  }
  // pair of element 4m+j in shuffled order: even elements first, then odd ones
  const pair = ((i >> 2) << 1) + (i & 1)
  return load<i8>(from + <usize>((pair << 4) + (lane << 1) + ((i >> 1) & 1)))
}
