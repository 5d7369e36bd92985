// Causal attention with grouped heads over the key–value cache (spec/tensor.md §3.6). Keys lie as [positions/4][size][4],
// values as [positions][size], per layer and key–value head. Every position is computed alone, so chunks do not matter.
import { exp4 } from './exponential'
import { capValues } from './families'
import { RUN } from './matvec'

/**
 * Where a row's conversation keeps its keys and values: per row of a pass four u32: address of the cache, address of its room
 * for scores, capacity in positions, position of the row. Rows of several conversations lie side by side in one pass.
 */
const ENTRY: usize = 16

/** Bytes of the keys, or of the values, of one layer. */
// @ts-ignore: decorator
@inline
function sideBytes(heads: i32, size: i32, capacity: i32): usize {
  return <usize>(heads * size * capacity) << 2
}

/** Copies k and v of each row to its place in its cache. `stride`: bytes between rows of k and v. */
export function storeKeys(k: usize, v: usize, stride: i32, table: usize, heads: i32, size: i32, layer: i32, rows: i32): void {
  for (let i = 0; i < rows; i++) {
    const capacity = load<i32>(table, 8)
    const position = load<i32>(table, 12)
    const side = sideBytes(heads, size, capacity)
    const keys = load<usize>(table) + <usize>(layer << 1) * side
    for (let head = 0; head < heads; head++) {
      const from = <usize>(i * stride + ((head * size) << 2))
      const base = keys + (<usize>(head * capacity * size) << 2)
      const key = base + (<usize>((position >> 2) * size) << 4) + <usize>((position & 3) << 2)
      const value = base + side + (<usize>(position * size) << 2)
      for (let d = 0; d < size; d++) {
        store<f32>(key + <usize>(d << 4), load<f32>(k + from + <usize>(d << 2)))
        store<f32>(value + <usize>(d << 2), load<f32>(v + from + <usize>(d << 2)))
      }
    }
    table += ENTRY
  }
}

/**
 * Attention of `rows` queries, each over the positions of its own conversation up to itself; out rows have heads × size values.
 * `member` chooses among a cache's rooms for scores, 3 × (capacity + 16) f32 each.
 */
export function attend(q: usize, stride: i32, out: usize, table: usize, member: i32, heads: i32, keyHeads: i32, size: i32, layer: i32, rows: i32, factor: f32): void {
  for (let i = 0; i < rows; i++) {
    const capacity = load<i32>(table, 8)
    const side = sideBytes(keyHeads, size, capacity)
    const keys = load<usize>(table) + <usize>(layer << 1) * side
    const scores = load<usize>(table, 4) + <usize>(member * (capacity + 16) * 12)
    attendRow(q, out, keys, keys + side, scores, heads, keyHeads, size, capacity, 0, load<i32>(table, 12) + 1, factor, 0)
    q += <usize>stride
    out += <usize>((heads * size) << 2)
    table += ENTRY
  }
}

/**
 * As `attend`, each query over the last `window` positions alone, its scores held within `cap` unless that is 0
 * (spec/tensor.md §11.5). `shape`: heads, key heads and their size, u32 each.
 */
export function attendNear(q: usize, stride: i32, out: usize, table: usize, member: i32, shape: usize, layer: i32, rows: i32, factor: f32, window: i32, cap: f32): void {
  const heads = load<i32>(shape)
  const keyHeads = load<i32>(shape, 4)
  const size = load<i32>(shape, 8)
  for (let i = 0; i < rows; i++) {
    const capacity = load<i32>(table, 8)
    const side = sideBytes(keyHeads, size, capacity)
    const keys = load<usize>(table) + <usize>(layer << 1) * side
    const scores = load<usize>(table, 4) + <usize>(member * (capacity + 16) * 12)
    const length = load<i32>(table, 12) + 1
    attendRow(q, out, keys, keys + side, scores, heads, keyHeads, size, capacity, max(0, length - window), length, factor, cap)
    q += <usize>stride
    out += <usize>((heads * size) << 2)
    table += ENTRY
  }
}

/**
 * Over the positions from `first` to `length` − 1. Three heads that share a key head go together, so that keys and values are read
 * once for them. Keys lie four positions together: scores begin with the four that `first` is of, the rest with `first` itself.
 */
function attendRow(q: usize, out: usize, keys: usize, values: usize, scores: usize, heads: i32, keyHeads: i32, size: i32, capacity: i32, first: i32, length: i32, factor: f32, cap: f32): void {
  const share = heads / keyHeads
  const tile = first & ~3
  const scored = length - tile
  const seen = length - first
  const own = scores + <usize>((first - tile) << 2)
  const scoreBytes = <usize>((capacity + 16) << 2)
  const headBytes = <usize>(size << 2)
  for (let keyHead = 0; keyHead < keyHeads; keyHead++) {
    const k = keys + (<usize>((keyHead * capacity + tile) * size) << 2)
    const v = values + (<usize>((keyHead * capacity + first) * size) << 2)
    let left = share
    for (; left >= 3; left -= 3) {
      scoreThree(q, headBytes, k, scores, scoreBytes, scored, size, factor)
      for (let head: usize = 0; head < 3; head++) {
        if (cap != 0) capValues(own + head * scoreBytes, seen, cap)
        exponentials(own + head * scoreBytes, seen)
      }
      mixThree(own, scoreBytes, v, out, headBytes, seen)
      q += headBytes * 3
      out += headBytes * 3
    }
    for (; left > 0; left--) {
      scoreKeys(q, k, scores, scored, size, factor)
      if (cap != 0) capValues(own, seen, cap)
      exponentials(own, seen)
      mixValues(own, v, out, seen, size, sumOf(own, seen))
      q += headBytes
      out += headBytes
    }
  }
}

/** Scores of three neighbouring heads, eight positions at a time; lanes beyond `length` are not used by anybody. */
function scoreThree(q: usize, headBytes: usize, k: usize, scores: usize, scoreBytes: usize, length: i32, size: i32, factor: f32): void {
  const scale = f32x4.splat(factor)
  const tileBytes = <usize>(size << 4)
  for (let t = 0; t < length; t += 8) {
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let c0 = f32x4.splat(0)
    let c1 = f32x4.splat(0)
    let x = q
    for (let i: usize = 0; i < tileBytes; i += 16) {
      const k0 = v128.load(k + i)
      const k1 = v128.load(k + i + tileBytes)
      const xa = v128.load32_splat(x)
      a0 = f32x4.add(a0, f32x4.mul(xa, k0))
      a1 = f32x4.add(a1, f32x4.mul(xa, k1))
      const xb = v128.load32_splat(x + headBytes)
      b0 = f32x4.add(b0, f32x4.mul(xb, k0))
      b1 = f32x4.add(b1, f32x4.mul(xb, k1))
      const xc = v128.load32_splat(x + (headBytes << 1))
      c0 = f32x4.add(c0, f32x4.mul(xc, k0))
      c1 = f32x4.add(c1, f32x4.mul(xc, k1))
      x += 4
    }
    v128.store(scores, f32x4.mul(a0, scale))
    v128.store(scores, f32x4.mul(a1, scale), 16)
    v128.store(scores + scoreBytes, f32x4.mul(b0, scale))
    v128.store(scores + scoreBytes, f32x4.mul(b1, scale), 16)
    v128.store(scores + (scoreBytes << 1), f32x4.mul(c0, scale))
    v128.store(scores + (scoreBytes << 1), f32x4.mul(c1, scale), 16)
    scores += 32
    k += tileBytes << 1
  }
}

/** Weighted sums of the values for three heads, eight dimensions at a time, over their three totals. */
function mixThree(p: usize, scoreBytes: usize, v: usize, out: usize, headBytes: usize, length: i32): void {
  const pb = p + scoreBytes
  const pc = pb + scoreBytes
  for (let d: usize = 0; d < headBytes; d += 32) {
    for (let start = 0; start < length; start += RUN) {
      const end = min(start + RUN, length)
      let a0 = f32x4.splat(0)
      let a1 = f32x4.splat(0)
      let b0 = f32x4.splat(0)
      let b1 = f32x4.splat(0)
      let c0 = f32x4.splat(0)
      let c1 = f32x4.splat(0)
      let row = v + <usize>start * headBytes + d
      for (let t = <usize>start << 2; t < <usize>end << 2; t += 4) {
        const v0 = v128.load(row)
        const v1 = v128.load(row, 16)
        const xa = v128.load32_splat(p + t)
        a0 = f32x4.add(a0, f32x4.mul(xa, v0))
        a1 = f32x4.add(a1, f32x4.mul(xa, v1))
        const xb = v128.load32_splat(pb + t)
        b0 = f32x4.add(b0, f32x4.mul(xb, v0))
        b1 = f32x4.add(b1, f32x4.mul(xb, v1))
        const xc = v128.load32_splat(pc + t)
        c0 = f32x4.add(c0, f32x4.mul(xc, v0))
        c1 = f32x4.add(c1, f32x4.mul(xc, v1))
        row += headBytes
      }
      addRun(out + d, a0, start)
      addRun(out + d + 16, a1, start)
      addRun(out + headBytes + d, b0, start)
      addRun(out + headBytes + d + 16, b1, start)
      addRun(out + (headBytes << 1) + d, c0, start)
      addRun(out + (headBytes << 1) + d + 16, c1, start)
    }
  }
  divideThree(p, scoreBytes, out, headBytes, length)
}

/** The three totals are folded side by side: each is a chain of additions that would otherwise wait for itself. */
function divideThree(p: usize, scoreBytes: usize, out: usize, headBytes: usize, length: i32): void {
  let a: f32 = 0
  let b: f32 = 0
  let c: f32 = 0
  for (let start = 0; start < length; start += RUN) {
    const end = <usize>min(start + RUN, length) << 2
    let ra: f32 = 0
    let rb: f32 = 0
    let rc: f32 = 0
    for (let t = <usize>start << 2; t < end; t += 4) {
      ra += load<f32>(p + t)
      rb += load<f32>(p + scoreBytes + t)
      rc += load<f32>(p + (scoreBytes << 1) + t)
    }
    a += ra
    b += rb
    c += rc
  }
  divide(out, headBytes, a)
  divide(out + headBytes, headBytes, b)
  divide(out + (headBytes << 1), headBytes, c)
}

function divide(out: usize, bytes: usize, total: f32): void {
  const divisor = f32x4.splat(total)
  for (let i: usize = 0; i < bytes; i += 16) v128.store(out + i, f32x4.div(v128.load(out + i), divisor))
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

/** Replaces scores by exp(score − highest). A NaN that `pmax` passes over is still in the exponentials and their sum. */
function exponentials(scores: usize, length: i32): void {
  const whole = length & ~3
  let tops = f32x4.splat(load<f32>(scores))
  for (let t = 0; t < whole; t += 4) tops = f32x4.pmax(tops, v128.load(scores + <usize>(t << 2)))
  let top: f32 = max(max(f32x4.extract_lane(tops, 0), f32x4.extract_lane(tops, 1)), max(f32x4.extract_lane(tops, 2), f32x4.extract_lane(tops, 3)))
  for (let t = whole; t < length; t++) top = max(top, load<f32>(scores + <usize>(t << 2)))
  const highest = f32x4.splat(top)
  for (let t = 0; t < length; t += 4) {
    const at = scores + <usize>(t << 2)
    v128.store(at, exp4(f32x4.sub(v128.load(at), highest)))
  }
}

function sumOf(scores: usize, length: i32): f32 {
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
  divide(out, <usize>(size << 2), total)
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
