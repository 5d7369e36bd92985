// Row operators of encoders: bias, GELU by the error function, layer normalisation (spec/tensor.md §10.3). Rows lie behind one another.
import { exp4 } from '../engine/exponential'

const RUN: i32 = 256

/** x = x + bias for each of `positions` rows of n values (a multiple of 4). */
export function addBias(x: usize, bias: usize, n: i32, positions: i32): void {
  for (; positions > 0; positions--) {
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      v128.store(x + at, f32x4.add(v128.load(x + at), v128.load(bias + at)))
    }
    x += <usize>(n << 2)
  }
}

/** x = gelu(x + bias) for each of `positions` rows of n values (a multiple of 4). */
export function biasGelu(x: usize, bias: usize, n: i32, positions: i32): void {
  for (; positions > 0; positions--) {
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      v128.store(x + at, gelu4(f32x4.add(v128.load(x + at), v128.load(bias + at))))
    }
    x += <usize>(n << 2)
  }
}

/** x · Φ(x), the complement of the error function by Abramowitz and Stegun 7.1.26 (absolute error below 2e−7). */
// @ts-ignore: decorator
@inline
function gelu4(x: v128): v128 {
  const size = f32x4.abs(x)
  const z = f32x4.mul(size, f32x4.splat(0.70710678))
  const t = f32x4.div(f32x4.splat(1), f32x4.add(f32x4.splat(1), f32x4.mul(z, f32x4.splat(0.3275911))))
  let p = f32x4.add(f32x4.mul(t, f32x4.splat(1.061405429)), f32x4.splat(-1.453152027))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(1.421413741))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(-0.284496736))
  p = f32x4.add(f32x4.mul(p, t), f32x4.splat(0.254829592))
  const complement = f32x4.mul(f32x4.mul(p, t), exp4(f32x4.neg(f32x4.mul(z, z))))
  const tail = f32x4.mul(f32x4.mul(size, f32x4.splat(0.5)), complement)
  return f32x4.sub(f32x4.pmax(f32x4.splat(0), x), tail)
}

/** y = (x − mean) / sqrt(variance + epsilon) * weight + bias; y may be x. n is a multiple of 4. */
export function layerNorm(x: usize, weight: usize, bias: usize, y: usize, n: i32, positions: i32, epsilon: f32): void {
  for (; positions > 0; positions--) {
    const mean = sumOf(x, n) / <f32>n
    const middle = f32x4.splat(mean)
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      v128.store(y + at, f32x4.sub(v128.load(x + at), middle))
    }
    const factor = f32x4.splat(<f32>1 / sqrt<f32>(sumOfSquares(y, n) / <f32>n + epsilon))
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      const scaled = f32x4.mul(f32x4.mul(v128.load(y + at), factor), v128.load(weight + at))
      v128.store(y + at, f32x4.add(scaled, v128.load(bias + at)))
    }
    x += <usize>(n << 2)
    y += <usize>(n << 2)
  }
}

function sumOf(x: usize, n: i32): f32 {
  let total: f32 = 0
  for (let start = 0; start < n; start += RUN) {
    const end = min(start + RUN, n)
    let sum: f32 = 0
    for (let i = start; i < end; i++) sum += load<f32>(x + <usize>(i << 2))
    total += sum
  }
  return total
}

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
