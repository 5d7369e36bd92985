// Row operators that families other than Llama need (spec/tensor.md §11): biases, norms of heads, rotation of halves, GELU, caps.
import { rmsNorm } from './elementwise'
import { exp4 } from './exponential'

/** x = x + bias for each of `positions` rows of n values (a multiple of 4), `stride` bytes apart. */
export function addBiases(x: usize, stride: i32, bias: usize, n: i32, positions: i32): void {
  for (; positions > 0; positions--) {
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      v128.store(x + at, f32x4.add(v128.load(x + at), v128.load(bias + at)))
    }
    x += <usize>stride
  }
}

/** Root mean square norm of each of `heads` heads of `size` values, in place; rows are `stride` bytes apart. */
export function normHeads(x: usize, stride: i32, heads: i32, size: i32, weight: usize, positions: i32, epsilon: f32): void {
  for (; positions > 0; positions--) {
    for (let head = 0; head < heads; head++) {
      const at = x + <usize>((head * size) << 2)
      rmsNorm(at, weight, at, size, 1, epsilon)
    }
    x += <usize>stride
  }
}

/** As `rotate`, of value i with value i + rotated/2; the tables have cosines, and sines, of `rotated`/2 pairs per position. */
export function rotateHalves(x: usize, stride: i32, heads: i32, size: i32, rotated: i32, cosines: usize, sines: usize, positions: i32): void {
  const half = <usize>(rotated << 1)
  for (; positions > 0; positions--) {
    for (let head = 0; head < heads; head++) {
      const low = x + <usize>((head * size) << 2)
      for (let o: usize = 0; o < half; o += 16) {
        const a = v128.load(low + o)
        const b = v128.load(low + half + o)
        const cosine = v128.load(cosines + o)
        const sine = v128.load(sines + o)
        v128.store(low + o, f32x4.add(f32x4.mul(a, cosine), f32x4.mul(b, f32x4.neg(sine))))
        v128.store(low + half + o, f32x4.add(f32x4.mul(b, cosine), f32x4.mul(a, sine)))
      }
    }
    x += <usize>stride
    cosines += half
    sines += half
  }
}

/** gate = gelu(gate) * up over n values (a multiple of 4): the form with tanh, as gate ÷ (1 + exp(−v)). */
export function geluMultiply(gate: usize, up: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    const g = v128.load(gate + at)
    const inner = f32x4.add(f32x4.splat(1.5957691216), f32x4.mul(f32x4.splat(0.0713548163), f32x4.mul(g, g)))
    const s = f32x4.div(g, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(f32x4.mul(g, inner)))))
    v128.store(gate + at, f32x4.mul(s, v128.load(up + at)))
  }
}

/** x = cap · tanh(x ÷ cap) over n values, and up to three behind them. An infinity becomes NaN. */
export function capValues(x: usize, n: i32, cap: f32): void {
  const limit = f32x4.splat(cap)
  const one = f32x4.splat(1)
  for (let i = 0; i < n; i += 4) {
    const at = x + <usize>(i << 2)
    const value = v128.load(at)
    const ratio = f32x4.div(value, limit)
    const e = exp4(f32x4.neg(f32x4.add(ratio, ratio)))
    const tanh = f32x4.div(f32x4.sub(one, e), f32x4.add(one, e))
    v128.store(at, f32x4.add(f32x4.mul(tanh, limit), f32x4.sub(value, value)))
  }
}
