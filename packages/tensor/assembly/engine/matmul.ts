// Several positions times a packed quantised matrix: the prefill path. Weights of eight rows are widened once to an i16
// panel in `scratch` and then used for every four positions; the bits are those of matvec.ts (spec/tensor.md §3.4).
import { headBytes, inHalves, inNibbles, minimaOffset, packedBytes, sumOfHalf } from './layout'
import { addDot, RUN } from './matvec'

/** Blocks of 32 columns widened at a time, so that panel and activations stay in the first-level cache; divides RUN. */
const CHUNK: i32 = 16

/** Bytes of the panel; behind it the values of the halves of a block, of four positions. */
const PANEL: usize = 8192
const HALVES: usize = 256

/**
 * `kind`: of `layout.ts` but floats. `positions` must be a multiple of 4. q, scales and sums hold `blocks` blocks per position.
 * `scratch`: 8448 bytes for panel and halves and 32 per position for runs. `outStride` in bytes.
 */
export function matmulQuantised(kind: i32, w: usize, q: usize, scales: usize, sums: usize, out: usize, groups: i32, blocks: i32, positions: i32, outStride: i32, scratch: usize): void {
  const blockBytes = packedBytes(kind)
  const runs = scratch + PANEL + HALVES
  for (let group = 0; group < groups; group++) {
    for (let start = 0; start < blocks; start += CHUNK) {
      const count = min(CHUNK, blocks - start)
      const from = w + <usize>start * blockBytes
      if (inNibbles(kind)) widenNibbles(from, scratch, count, kind)
      else widenBytes(from, scratch, count, kind)
      const fresh = start % RUN == 0
      for (let position = 0; position < positions; position += 4) {
        const at = position * blocks + start
        const run = runs + <usize>(position << 5)
        if (fresh) for (let i: usize = 0; i < 128; i += 16) v128.store(run + i, f32x4.splat(0))
        if (inHalves(kind)) tileHalves(kind, from, scratch, q + <usize>(at << 6), scales + <usize>(at << 2), blocks, count, run)
        else tile(minimaOffset(kind) != 0, from, blockBytes, scratch, q + <usize>(at << 6), scales + <usize>(at << 2), sums + <usize>(at << 2), blocks, count, run)
      }
      if ((start + CHUNK) % RUN == 0 || start + CHUNK >= blocks) {
        closeRun(runs, out + <usize>(group << 5), outStride, positions, start < RUN)
      }
    }
    w += <usize>blocks * blockBytes
  }
}

/** Adds each position's run to its total, which starts at zero. */
function closeRun(runs: usize, out: usize, outStride: i32, positions: i32, first: bool): void {
  for (let position = 0; position < positions; position++) {
    const a = v128.load(runs)
    const b = v128.load(runs, 16)
    v128.store(out, first ? a : f32x4.add(v128.load(out), a))
    v128.store(out, first ? b : f32x4.add(v128.load(out, 16), b), 16)
    runs += 32
    out += <usize>outStride
  }
}

/** Panel layout: per block, 16 pairs × 8 rows × 2 i16 (32 bytes a pair: rows 0–3, rows 4–7). */
function widenBytes(from: usize, panel: usize, count: i32, kind: i32): void {
  for (let block = 0; block < count; block++) {
    from += headBytes(kind)
    for (let pair: usize = 0; pair < 16; pair++) {
      v128.store(panel + (pair << 5), v128.load8x8_s(from + (pair << 4)))
      v128.store(panel + (pair << 5), v128.load8x8_s(from + (pair << 4), 8), 16)
    }
    from += 256
    panel += 512
  }
}

function widenNibbles(from: usize, panel: usize, count: i32, kind: i32): void {
  const mask = i16x8.splat(0x000f)
  const offset = i16x8.splat(kind == 2 ? 8 : 0)
  for (let block = 0; block < count; block++) {
    from += headBytes(kind)
    for (let word: usize = 0; word < 4; word++) {
      for (let half: usize = 0; half < 32; half += 16) {
        const v = v128.load(from + (word << 5) + half)
        const to = panel + (word << 6) + half
        v128.store(to, i16x8.sub(v128.and(v, mask), offset))
        v128.store(to, i16x8.sub(v128.and(i16x8.shr_u(v, 8), mask), offset), 32)
        v128.store(to, i16x8.sub(v128.and(i16x8.shr_u(v, 4), mask), offset), 256)
        v128.store(to, i16x8.sub(i16x8.shr_u(v, 12), offset), 288)
      }
    }
    from += 128
    panel += 512
  }
}

/**
 * Eight rows × four positions over `count` blocks, folded onto `runs`. Two pairs per turn of the loop is the fastest
 * unrolling in V8: it keeps the eight sums in registers, longer bodies spill.
 */
function tile(minima: bool, w: usize, blockBytes: usize, panel: usize, q: usize, scales: usize, sums: usize, blocks: i32, count: i32, runs: usize): void {
  const qStride = <usize>(blocks << 6)
  const sStride = <usize>(blocks << 2)
  for (let block = 0; block < count; block++) {
    let a0 = i32x4.splat(0)
    let a1 = i32x4.splat(0)
    let b0 = i32x4.splat(0)
    let b1 = i32x4.splat(0)
    let c0 = i32x4.splat(0)
    let c1 = i32x4.splat(0)
    let d0 = i32x4.splat(0)
    let d1 = i32x4.splat(0)
    const qb = q + qStride
    const qc = qb + qStride
    const qd = qc + qStride
    for (let pair: usize = 0; pair < 64; pair += 8) {
      const v = panel + (pair << 3)
      let v0 = v128.load(v)
      let v1 = v128.load(v, 16)
      let x = v128.load32_splat(q + pair)
      a0 = addDot(a0, v0, x)
      a1 = addDot(a1, v1, x)
      x = v128.load32_splat(qb + pair)
      b0 = addDot(b0, v0, x)
      b1 = addDot(b1, v1, x)
      x = v128.load32_splat(qc + pair)
      c0 = addDot(c0, v0, x)
      c1 = addDot(c1, v1, x)
      x = v128.load32_splat(qd + pair)
      d0 = addDot(d0, v0, x)
      d1 = addDot(d1, v1, x)
      v0 = v128.load(v, 32)
      v1 = v128.load(v, 48)
      x = v128.load32_splat(q + pair, 4)
      a0 = addDot(a0, v0, x)
      a1 = addDot(a1, v1, x)
      x = v128.load32_splat(qb + pair, 4)
      b0 = addDot(b0, v0, x)
      b1 = addDot(b1, v1, x)
      x = v128.load32_splat(qc + pair, 4)
      c0 = addDot(c0, v0, x)
      c1 = addDot(c1, v1, x)
      x = v128.load32_splat(qd + pair, 4)
      d0 = addDot(d0, v0, x)
      d1 = addDot(d1, v1, x)
    }
    panel += 512
    const w0 = v128.load(w)
    const w1 = v128.load(w, 16)
    if (minima) {
      const m0 = v128.load(w, 32)
      const m1 = v128.load(w, 48)
      closeWithMinima(w0, w1, m0, m1, scales, sums, runs, a0, a1)
      closeWithMinima(w0, w1, m0, m1, scales + sStride, sums + sStride, runs + 32, b0, b1)
      closeWithMinima(w0, w1, m0, m1, scales + sStride * 2, sums + sStride * 2, runs + 64, c0, c1)
      closeWithMinima(w0, w1, m0, m1, scales + sStride * 3, sums + sStride * 3, runs + 96, d0, d1)
    } else {
      closeBlock(w0, w1, scales, runs, a0, a1)
      closeBlock(w0, w1, scales + sStride, runs + 32, b0, b1)
      closeBlock(w0, w1, scales + sStride * 2, runs + 64, c0, c1)
      closeBlock(w0, w1, scales + sStride * 3, runs + 96, d0, d1)
    }
    w += blockBytes
    q += 64
    scales += 4
    sums += 4
  }
}

/** As `tile` for kinds whose halves of a block have scales of their own. Their values wait behind the panel. */
function tileHalves(kind: i32, w: usize, panel: usize, q: usize, scales: usize, blocks: i32, count: i32, runs: usize): void {
  const qStride = <usize>(blocks << 6)
  const sStride = <usize>(blocks << 2)
  const minima = minimaOffset(kind)
  const first = panel + PANEL
  for (let block = 0; block < count; block++) {
    for (let half: usize = 0; half < 2; half++) {
      const x = q + (half << 5)
      const head = w + (half << 5)
      sumHalves(panel, x, qStride, first + (half << 7))
      for (let position: usize = 0; position < 4; position++) {
        const at = first + (half << 7) + (position << 5)
        let t0 = f32x4.mul(v128.load(head), f32x4.convert_i32x4_s(v128.load(at)))
        let t1 = f32x4.mul(v128.load(head, 16), f32x4.convert_i32x4_s(v128.load(at, 16)))
        if (minima) {
          const sum = f32x4.splat(<f32>sumOfHalf(x + position * qStride))
          t0 = f32x4.add(t0, f32x4.mul(v128.load(head + minima), sum))
          t1 = f32x4.add(t1, f32x4.mul(v128.load(head + minima, 16), sum))
        }
        v128.store(at, t0)
        v128.store(at, t1, 16)
      }
      panel += 256
    }
    for (let position: usize = 0; position < 4; position++) {
      const scale = v128.load32_splat(scales + position * sStride)
      const at = first + (position << 5)
      const run = runs + (position << 5)
      v128.store(run, f32x4.add(v128.load(run), f32x4.mul(scale, f32x4.add(v128.load(at), v128.load(at, 128)))))
      v128.store(run, f32x4.add(v128.load(run, 16), f32x4.mul(scale, f32x4.add(v128.load(at, 16), v128.load(at, 144)))), 16)
    }
    w += packedBytes(kind)
    q += 64
    scales += 4
  }
}

/** Exact dots of half a block, eight pairs, of four positions: [4][8] i32 to `to`. */
function sumHalves(panel: usize, q: usize, qStride: usize, to: usize): void {
  const qb = q + qStride
  const qc = qb + qStride
  const qd = qc + qStride
  let a0 = i32x4.splat(0)
  let a1 = i32x4.splat(0)
  let b0 = i32x4.splat(0)
  let b1 = i32x4.splat(0)
  let c0 = i32x4.splat(0)
  let c1 = i32x4.splat(0)
  let d0 = i32x4.splat(0)
  let d1 = i32x4.splat(0)
  for (let pair: usize = 0; pair < 32; pair += 4) {
    const v0 = v128.load(panel + (pair << 3))
    const v1 = v128.load(panel + (pair << 3), 16)
    let x = v128.load32_splat(q + pair)
    a0 = addDot(a0, v0, x)
    a1 = addDot(a1, v1, x)
    x = v128.load32_splat(qb + pair)
    b0 = addDot(b0, v0, x)
    b1 = addDot(b1, v1, x)
    x = v128.load32_splat(qc + pair)
    c0 = addDot(c0, v0, x)
    c1 = addDot(c1, v1, x)
    x = v128.load32_splat(qd + pair)
    d0 = addDot(d0, v0, x)
    d1 = addDot(d1, v1, x)
  }
  v128.store(to, a0)
  v128.store(to, a1, 16)
  v128.store(to, b0, 32)
  v128.store(to, b1, 48)
  v128.store(to, c0, 64)
  v128.store(to, c1, 80)
  v128.store(to, d0, 96)
  v128.store(to, d1, 112)
}

// @ts-ignore: decorator
@inline
function closeBlock(w0: v128, w1: v128, scales: usize, runs: usize, s0: v128, s1: v128): void {
  const scale = v128.load32_splat(scales)
  v128.store(runs, f32x4.add(v128.load(runs), f32x4.mul(scale, f32x4.mul(w0, f32x4.convert_i32x4_s(s0)))))
  v128.store(runs, f32x4.add(v128.load(runs, 16), f32x4.mul(scale, f32x4.mul(w1, f32x4.convert_i32x4_s(s1)))), 16)
}

// @ts-ignore: decorator
@inline
function closeWithMinima(w0: v128, w1: v128, m0: v128, m1: v128, scales: usize, sums: usize, runs: usize, s0: v128, s1: v128): void {
  const scale = v128.load32_splat(scales)
  const sum = v128.load32_splat(sums)
  const t0 = f32x4.add(f32x4.mul(w0, f32x4.convert_i32x4_s(s0)), f32x4.mul(m0, sum))
  const t1 = f32x4.add(f32x4.mul(w1, f32x4.convert_i32x4_s(s1)), f32x4.mul(m1, sum))
  v128.store(runs, f32x4.add(v128.load(runs), f32x4.mul(scale, t0)))
  v128.store(runs, f32x4.add(v128.load(runs, 16), f32x4.mul(scale, t1)), 16)
}
