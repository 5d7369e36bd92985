// Causal attention with grouped heads over the key–value cache (spec/tensor.md §3.6). Keys lie as [positions/4][size][4],
// values as [positions][size], per layer and key–value head. Every position is computed alone, so chunks do not matter.
import { exp4 } from './exponential'
import { RUN } from './matvec'

/** Copies k and v rows of new positions into the cache. `stride`: bytes between positions in k and v. */
export function storeKeys(k: usize, v: usize, stride: i32, keys: usize, values: usize, heads: i32, size: i32, capacity: i32, first: i32, positions: i32): void {
  for (let i = 0; i < positions; i++) {
    const position = first + i
    for (let head = 0; head < heads; head++) {
      const from = <usize>(i * stride + ((head * size) << 2))
      const base = <usize>(head * capacity * size) << 2
      const key = keys + base + (<usize>((position >> 2) * size) << 4) + <usize>((position & 3) << 2)
      const value = values + base + (<usize>(position * size) << 2)
      for (let d = 0; d < size; d++) {
        store<f32>(key + <usize>(d << 4), load<f32>(k + from + <usize>(d << 2)))
        store<f32>(value + <usize>(d << 2), load<f32>(v + from + <usize>(d << 2)))
      }
    }
  }
}

/** Attention of `positions` queries from cache position `first`; out rows have heads × size values. scores: capacity + 16 f32. */
export function attend(q: usize, stride: i32, out: usize, keys: usize, values: usize, scores: usize, heads: i32, keyHeads: i32, size: i32, capacity: i32, first: i32, positions: i32, factor: f32): void {
  const share = heads / keyHeads
  for (let i = 0; i < positions; i++) {
    const length = first + i + 1
    for (let head = 0; head < heads; head++) {
      const base = <usize>((head / share) * capacity * size) << 2
      const query = q + <usize>(i * stride + ((head * size) << 2))
      const target = out + <usize>(((i * heads + head) * size) << 2)
      scoreKeys(query, keys + base, scores, length, size, factor)
      const total = softmax(scores, length)
      mixValues(scores, values + base, target, length, size, total)
    }
  }
}

function scoreKeys(q: usize, k: usize, scores: usize, length: i32, size: i32, factor: f32): void {
  const scale = f32x4.splat(factor)
  const tileBytes = <usize>(size << 4)
  let t = 0
  for (; t + 16 <= length; t += 16) {
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    const k1 = k + tileBytes
    const k2 = k1 + tileBytes
    const k3 = k2 + tileBytes
    for (let i: usize = 0; i < tileBytes; i += 16) {
      const x = v128.load32_splat(q + (i >> 2))
      a = f32x4.add(a, f32x4.mul(x, v128.load(k + i)))
      b = f32x4.add(b, f32x4.mul(x, v128.load(k1 + i)))
      c = f32x4.add(c, f32x4.mul(x, v128.load(k2 + i)))
      d = f32x4.add(d, f32x4.mul(x, v128.load(k3 + i)))
    }
    v128.store(scores, f32x4.mul(a, scale))
    v128.store(scores, f32x4.mul(b, scale), 16)
    v128.store(scores, f32x4.mul(c, scale), 32)
    v128.store(scores, f32x4.mul(d, scale), 48)
    scores += 64
    k = k3 + tileBytes
  }
  for (; t < length; t += 4) {
    let a = f32x4.splat(0)
    for (let i: usize = 0; i < tileBytes; i += 16) {
      a = f32x4.add(a, f32x4.mul(v128.load32_splat(q + (i >> 2)), v128.load(k + i)))
    }
    v128.store(scores, f32x4.mul(a, scale))
    scores += 16
    k += tileBytes
  }
}

/** Replaces scores by exp(score − highest) and returns their sum, folded in runs of 256. */
function softmax(scores: usize, length: i32): f32 {
  let top = load<f32>(scores)
  for (let t = 1; t < length; t++) top = max(top, load<f32>(scores + <usize>(t << 2)))
  const highest = f32x4.splat(top)
  for (let t = 0; t < length; t += 4) {
    const at = scores + <usize>(t << 2)
    v128.store(at, exp4(f32x4.sub(v128.load(at), highest)))
  }
  let total: f32 = 0
  for (let start = 0; start < length; start += RUN) {
    const end = min(start + RUN, length)
    let sum: f32 = 0
    for (let t = start; t < end; t++) sum += load<f32>(scores + <usize>(t << 2))
    total += sum
  }
  return total
}

function mixValues(p: usize, v: usize, out: usize, length: i32, size: i32, total: f32): void {
  let d = 0
  for (; d + 32 <= size; d += 32) mixEight(p, v + <usize>(d << 2), out + <usize>(d << 2), length, <usize>(size << 2))
  for (; d < size; d += 4) mixOne(p, v + <usize>(d << 2), out + <usize>(d << 2), length, <usize>(size << 2))
  const divisor = f32x4.splat(total)
  for (let i = 0; i < size; i += 4) {
    const at = out + <usize>(i << 2)
    v128.store(at, f32x4.div(v128.load(at), divisor))
  }
}

function mixEight(p: usize, v: usize, out: usize, length: i32, stride: usize): void {
  for (let start = 0; start < length; start += RUN) {
    const end = min(start + RUN, length)
    let a = f32x4.splat(0)
    let b = f32x4.splat(0)
    let c = f32x4.splat(0)
    let d = f32x4.splat(0)
    let e = f32x4.splat(0)
    let f = f32x4.splat(0)
    let g = f32x4.splat(0)
    let h = f32x4.splat(0)
    for (let t = start; t < end; t++) {
      const x = v128.load32_splat(p + <usize>(t << 2))
      a = f32x4.add(a, f32x4.mul(x, v128.load(v)))
      b = f32x4.add(b, f32x4.mul(x, v128.load(v, 16)))
      c = f32x4.add(c, f32x4.mul(x, v128.load(v, 32)))
      d = f32x4.add(d, f32x4.mul(x, v128.load(v, 48)))
      e = f32x4.add(e, f32x4.mul(x, v128.load(v, 64)))
      f = f32x4.add(f, f32x4.mul(x, v128.load(v, 80)))
      g = f32x4.add(g, f32x4.mul(x, v128.load(v, 96)))
      h = f32x4.add(h, f32x4.mul(x, v128.load(v, 112)))
      v += stride
    }
    addRun(out, a, start)
    addRun(out + 16, b, start)
    addRun(out + 32, c, start)
    addRun(out + 48, d, start)
    addRun(out + 64, e, start)
    addRun(out + 80, f, start)
    addRun(out + 96, g, start)
    addRun(out + 112, h, start)
  }
}

function mixOne(p: usize, v: usize, out: usize, length: i32, stride: usize): void {
  for (let start = 0; start < length; start += RUN) {
    const end = min(start + RUN, length)
    let a = f32x4.splat(0)
    for (let t = start; t < end; t++) {
      a = f32x4.add(a, f32x4.mul(v128.load32_splat(p + <usize>(t << 2)), v128.load(v)))
      v += stride
    }
    addRun(out, a, start)
  }
}

// @ts-ignore: decorator
@inline
function addRun(out: usize, run: v128, start: i32): void {
  v128.store(out, start == 0 ? run : f32x4.add(v128.load(out), run))
}
