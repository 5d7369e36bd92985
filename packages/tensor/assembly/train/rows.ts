// Row operators of training: backward of normalisation and gate, cross-entropy with its gradient (spec/training.md §3).
import { exp4 } from '../engine/exponential'

const RUN: i32 = 256

/** x = x + y × factor over rows of n values (a multiple of 4); strides in bytes. */
export function addScaled(x: usize, xStride: i32, y: usize, yStride: i32, n: i32, positions: i32, factor: f32): void {
  const f = f32x4.splat(factor)
  for (; positions > 0; positions--) {
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      v128.store(x + at, f32x4.add(v128.load(x + at), f32x4.mul(v128.load(y + at), f)))
    }
    x += <usize>xStride
    y += <usize>yStride
  }
}

/** x = x × factor over n values (a multiple of 4). */
export function scaleValues(x: usize, n: i32, factor: f32): void {
  const f = f32x4.splat(factor)
  for (let i = 0; i < n; i += 4) v128.store(x + <usize>(i << 2), f32x4.mul(v128.load(x + <usize>(i << 2)), f))
}

/** dx = dx + gradient of rmsNorm at x, given dy: k·(w·dy) − x·(k·k·k·fold(w·dy·x) ÷ n). */
export function rmsNormBack(x: usize, weight: usize, dy: usize, dx: usize, n: i32, positions: i32, epsilon: f32): void {
  for (; positions > 0; positions--) {
    let squares: f32 = 0
    let products: f32 = 0
    for (let start = 0; start < n; start += RUN) {
      const end = min(start + RUN, n)
      let s: f32 = 0
      let p: f32 = 0
      for (let i = start; i < end; i++) {
        const at = <usize>(i << 2)
        const value = load<f32>(x + at)
        s += value * value
        p += (load<f32>(weight + at) * load<f32>(dy + at)) * value
      }
      squares += s
      products += p
    }
    const k: f32 = <f32>1 / sqrt<f32>(squares / <f32>n + epsilon)
    const factor = f32x4.splat(k)
    const back = f32x4.splat(((k * k) * k) * products / <f32>n)
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      const direct = f32x4.mul(factor, f32x4.mul(v128.load(weight + at), v128.load(dy + at)))
      v128.store(dx + at, f32x4.add(v128.load(dx + at), f32x4.sub(direct, f32x4.mul(v128.load(x + at), back))))
    }
    x += <usize>(n << 2)
    dy += <usize>(n << 2)
    dx += <usize>(n << 2)
  }
}

/**
 * out = out + Σ over positions of dy·(x·k), k as in rmsNorm, the sum a fold in runs of 256 positions: the gradient of a norm's weight
 * from one row of tokens. n: a multiple of 4; `sums`: 2n f32.
 */
export function normWeightBack(x: usize, dy: usize, out: usize, n: i32, positions: i32, epsilon: f32, sums: usize): void {
  const totals = sums + <usize>(n << 2)
  memory.fill(sums, 0, <usize>(n << 3))
  for (let position = 0; position < positions; position++) {
    if (position > 0 && position % RUN == 0) closeSums(sums, totals, n)
    let squares: f32 = 0
    for (let start = 0; start < n; start += RUN) {
      let sum: f32 = 0
      for (let i = start; i < min(start + RUN, n); i++) {
        const value = load<f32>(x + <usize>(i << 2))
        sum += value * value
      }
      squares += sum
    }
    const k = f32x4.splat(<f32>1 / sqrt<f32>(squares / <f32>n + epsilon))
    for (let i = 0; i < n; i += 4) {
      const at = <usize>(i << 2)
      const product = f32x4.mul(v128.load(dy + at), f32x4.mul(v128.load(x + at), k))
      v128.store(sums + at, f32x4.add(v128.load(sums + at), product))
    }
    x += <usize>(n << 2)
    dy += <usize>(n << 2)
  }
  closeSums(sums, totals, n)
  addTo(out, totals, n)
}

/** totals = totals + sums, and sums = 0. */
function closeSums(sums: usize, totals: usize, n: i32): void {
  addTo(totals, sums, n)
  memory.fill(sums, 0, <usize>(n << 2))
}

function addTo(x: usize, y: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    v128.store(x + at, f32x4.add(v128.load(x + at), v128.load(y + at)))
  }
}

/**
 * out = out + Σ of rows of x (n values each, a multiple of 4) at `count` rising places (u32), the sum a fold whose runs are those of 256
 * places: the gradient of a token's embedding from one row of tokens. `sums`: 2n f32.
 */
export function addPlaces(places: usize, count: i32, x: usize, out: usize, n: i32, sums: usize): void {
  const totals = sums + <usize>(n << 2)
  memory.fill(sums, 0, <usize>(n << 3))
  let run = load<u32>(places) / RUN
  for (; count > 0; count--) {
    const place = load<u32>(places)
    if (place / RUN != run) closeSums(sums, totals, n)
    run = place / RUN
    addTo(sums, x + <usize>place * <usize>(n << 2), n)
    places += 4
  }
  closeSums(sums, totals, n)
  addTo(out, totals, n)
}

/** out = gate ÷ (1 + exp(−gate)) × up, over n values (a multiple of 4), leaving its inputs. */
export function gateForward(gate: usize, up: usize, out: usize, n: i32): void {
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    const g = v128.load(gate + at)
    const s = f32x4.div(g, f32x4.add(f32x4.splat(1), exp4(f32x4.neg(g))))
    v128.store(out + at, f32x4.mul(s, v128.load(up + at)))
  }
}

/** With σ = 1 ÷ (1 + exp(−g)): dgate = d·u·(σ·(1 + g·(1 − σ))), dup = d·(g·σ), over n values (a multiple of 4). */
export function gateBack(gate: usize, up: usize, d: usize, dGate: usize, dUp: usize, n: i32): void {
  const one = f32x4.splat(1)
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    const g = v128.load(gate + at)
    const v = v128.load(d + at)
    const sigma = f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(g))))
    const slope = f32x4.mul(sigma, f32x4.add(one, f32x4.mul(g, f32x4.sub(one, sigma))))
    v128.store(dGate + at, f32x4.mul(f32x4.mul(v, v128.load(up + at)), slope))
    v128.store(dUp + at, f32x4.mul(v, f32x4.mul(g, sigma)))
  }
}

/**
 * Cross-entropy of `count` rows of logits (`stride` bytes) against targets (u32). Per row, 16 bytes of `stats`: greatest logit f32, fold of
 * exp(logit − greatest) f32, logit of the target f32, lowest token with the greatest logit u32. Logits become exp ÷ fold, less 1 at the target, × factor:
 * the gradient. What lies beyond the vocabulary becomes 0. `sums`: one f32 per run of 256.
 */
export function crossEntropy(logits: usize, stride: i32, vocab: i32, targets: usize, count: i32, factor: f32, stats: usize, sums: usize): void {
  for (; count > 0; count--) {
    const target = load<u32>(targets)
    let best = 0
    let top = load<f32>(logits)
    for (let i = 1; i < vocab; i++) {
      const value = load<f32>(logits + <usize>(i << 2))
      if (value > top) {
        top = value
        best = i
      }
    }
    store<f32>(stats, top)
    store<f32>(stats, load<f32>(logits + <usize>(target << 2)), 8)
    store<u32>(stats, best, 12)
    const highest = f32x4.splat(top)
    for (let i = 0; i < vocab; i += 4) {
      const at = logits + <usize>(i << 2)
      v128.store(at, exp4(f32x4.sub(v128.load(at), highest)))
    }
    const total = foldInPlace(logits, vocab, sums)
    store<f32>(stats, total, 4)
    const divisor = f32x4.splat(total)
    const times = f32x4.splat(factor)
    const atTarget = logits + <usize>(target << 2)
    const share = load<f32>(atTarget) / total
    for (let i = 0; i < vocab; i += 4) {
      const at = logits + <usize>(i << 2)
      v128.store(at, f32x4.mul(f32x4.div(v128.load(at), divisor), times))
    }
    store<f32>(atTarget, (share - <f32>1) * factor)
    for (let at = vocab << 2; at < stride; at += 4) store<f32>(logits + <usize>at, 0)
    logits += <usize>stride
    targets += 4
    stats += 16
  }
}

/** fold of n values (spec/tensor.md §3.1); `sums` has room for one f32 per run. Four runs go side by side. */
export function foldInPlace(values: usize, n: i32, sums: usize): f32 {
  if (n <= RUN) return runSum(values, n)
  let runs = 0
  for (let start = 0; start < n; start += RUN) {
    store<f32>(sums + <usize>(runs << 2), runSum(values + <usize>(start << 2), min(RUN, n - start)))
    runs++
  }
  // Sums of runs of runs may overwrite the list from its start: each is written behind where it was read.
  return foldInPlace(sums, runs, sums)
}

function runSum(values: usize, n: i32): f32 {
  let sum: f32 = 0
  for (let i = 0; i < n; i++) sum += load<f32>(values + <usize>(i << 2))
  return sum
}

/** fold of the squares of n values. */
export function foldSquares(values: usize, n: i32, sums: usize): f32 {
  let runs = 0
  for (let start = 0; start < n; start += RUN) {
    let sum: f32 = 0
    for (let i = start; i < min(start + RUN, n); i++) {
      const value = load<f32>(values + <usize>(i << 2))
      sum += value * value
    }
    store<f32>(sums + <usize>(runs << 2), sum)
    runs++
  }
  return foldInPlace(sums, runs, sums)
}

/**
 * AdamW over n values (a multiple of 4): g = gradient × clip; m = b1·m + (1−b1)·g; v = b2·v + (1−b2)·(g·g);
 * p = p − rate·((m·c1) ÷ (√(v·c2) + ε) + decay·p), c1 and c2 the corrections 1 ÷ (1 − bᵗ).
 */
export function adamW(p: usize, m: usize, v: usize, gradient: usize, n: i32, clip: f32, rate: f32, b1: f32, b2: f32, c1: f32, c2: f32, epsilon: f32, decay: f32): void {
  const one: f32 = 1
  for (let i = 0; i < n; i += 4) {
    const at = <usize>(i << 2)
    const g = f32x4.mul(v128.load(gradient + at), f32x4.splat(clip))
    const mean = f32x4.add(f32x4.mul(f32x4.splat(b1), v128.load(m + at)), f32x4.mul(f32x4.splat(one - b1), g))
    const power = f32x4.add(f32x4.mul(f32x4.splat(b2), v128.load(v + at)), f32x4.mul(f32x4.splat(one - b2), f32x4.mul(g, g)))
    v128.store(m + at, mean)
    v128.store(v + at, power)
    const value = v128.load(p + at)
    const root = f32x4.add(f32x4.sqrt(f32x4.mul(power, f32x4.splat(c2))), f32x4.splat(epsilon))
    const step = f32x4.add(f32x4.div(f32x4.mul(mean, f32x4.splat(c1)), root), f32x4.mul(f32x4.splat(decay), value))
    v128.store(p + at, f32x4.sub(value, f32x4.mul(f32x4.splat(rate), step)))
  }
}
