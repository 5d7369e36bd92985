// Several positions times a packed quantised matrix: the prefill path. Weights of eight rows are widened once to an i16
// panel in `scratch` and then used for every four positions; the bits are those of matvec.ts (spec/tensor.md §3.4).
import { RUN } from './matvec'

/** Blocks of 32 columns widened at a time, so that panel and activations stay in the first-level cache; divides RUN. */
const CHUNK: i32 = 16

/**
 * `kind`: 1 Q8_0, 2 Q4_0, 3 Q4_1. `positions` must be a multiple of 4. q, scales and sums hold `blocks` blocks per position.
 * `scratch`: 8 KiB + 4 × 8 × 4 bytes per position… i.e. 8192 + positions × 32 bytes. `outStride` in bytes.
 */
export function matmulQuantised(kind: i32, w: usize, q: usize, scales: usize, sums: usize, out: usize, groups: i32, blocks: i32, positions: i32, outStride: i32, scratch: usize): void {
  const blockBytes = kind == 1 ? 288 : kind == 2 ? 160 : 192
  const runs = scratch + 8192
  for (let group = 0; group < groups; group++) {
    for (let start = 0; start < blocks; start += CHUNK) {
      const count = min(CHUNK, blocks - start)
      const from = w + <usize>(start * blockBytes)
      if (kind == 1) widenBytes(from, scratch, count)
      else widenNibbles(from, scratch, count, kind)
      const fresh = start % RUN == 0
      for (let position = 0; position < positions; position += 4) {
        const at = position * blocks + start
        tile(kind == 3, from, blockBytes, scratch, q + <usize>(at << 6), scales + <usize>(at << 2), sums + <usize>(at << 2), blocks, count, runs + <usize>(position << 5), fresh)
      }
      if ((start + CHUNK) % RUN == 0 || start + CHUNK >= blocks) {
        closeRun(runs, out + <usize>(group << 5), outStride, positions, start < RUN)
      }
    }
    w += <usize>(blocks * blockBytes)
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
function widenBytes(from: usize, panel: usize, count: i32): void {
  for (let block = 0; block < count; block++) {
    for (let pair: usize = 0; pair < 16; pair++) {
      v128.store(panel + (pair << 5), v128.load8x8_s(from + (pair << 4), 32))
      v128.store(panel + (pair << 5), v128.load8x8_s(from + (pair << 4), 40), 16)
    }
    from += 288
    panel += 512
  }
}

function widenNibbles(from: usize, panel: usize, count: i32, kind: i32): void {
  const mask = i16x8.splat(0x000f)
  const offset = i16x8.splat(kind == 2 ? 8 : 0)
  const header: usize = kind == 2 ? 32 : 64
  for (let block = 0; block < count; block++) {
    from += header
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

/** Eight rows × four positions over `count` blocks, folded onto `runs`. */
function tile(minima: bool, w: usize, blockBytes: i32, panel: usize, q: usize, scales: usize, sums: usize, blocks: i32, count: i32, runs: usize, fresh: bool): void {
  const qStride = <usize>(blocks << 6)
  const sStride = <usize>(blocks << 2)
  if (fresh) for (let i: usize = 0; i < 128; i += 16) v128.store(runs + i, f32x4.splat(0))
  for (let block = 0; block < count; block++) {
    let a0 = i32x4.splat(0)
    let a1 = i32x4.splat(0)
    let b0 = i32x4.splat(0)
    let b1 = i32x4.splat(0)
    let c0 = i32x4.splat(0)
    let c1 = i32x4.splat(0)
    let d0 = i32x4.splat(0)
    let d1 = i32x4.splat(0)
    const q1 = q + qStride
    const q2 = q1 + qStride
    const q3 = q2 + qStride
    for (let pair: usize = 0; pair < 64; pair += 8) {
      const v = panel + (pair << 3)
      let w0 = v128.load(v)
      let w1 = v128.load(v, 16)
      let x = v128.load32_splat(q + pair)
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(w0, x))
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(w1, x))
      x = v128.load32_splat(q1 + pair)
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(w0, x))
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(w1, x))
      x = v128.load32_splat(q2 + pair)
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(w0, x))
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(w1, x))
      x = v128.load32_splat(q3 + pair)
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(w0, x))
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(w1, x))
      w0 = v128.load(v, 32)
      w1 = v128.load(v, 48)
      x = v128.load32_splat(q + pair, 4)
      a0 = i32x4.add(a0, i32x4.dot_i16x8_s(w0, x))
      a1 = i32x4.add(a1, i32x4.dot_i16x8_s(w1, x))
      x = v128.load32_splat(q1 + pair, 4)
      b0 = i32x4.add(b0, i32x4.dot_i16x8_s(w0, x))
      b1 = i32x4.add(b1, i32x4.dot_i16x8_s(w1, x))
      x = v128.load32_splat(q2 + pair, 4)
      c0 = i32x4.add(c0, i32x4.dot_i16x8_s(w0, x))
      c1 = i32x4.add(c1, i32x4.dot_i16x8_s(w1, x))
      x = v128.load32_splat(q3 + pair, 4)
      d0 = i32x4.add(d0, i32x4.dot_i16x8_s(w0, x))
      d1 = i32x4.add(d1, i32x4.dot_i16x8_s(w1, x))
    }
    closeBlock(minima, w, scales, sums, runs, a0, a1)
    closeBlock(minima, w, scales + sStride, sums + sStride, runs + 32, b0, b1)
    closeBlock(minima, w, scales + sStride * 2, sums + sStride * 2, runs + 64, c0, c1)
    closeBlock(minima, w, scales + sStride * 3, sums + sStride * 3, runs + 96, d0, d1)
    panel += 512
    w += <usize>blockBytes
    q += 64
    scales += 4
    sums += 4
  }
}

// @ts-ignore: decorator
@inline
function closeBlock(minima: bool, w: usize, scales: usize, sums: usize, runs: usize, s0: v128, s1: v128): void {
  const scale = v128.load32_splat(scales)
  let t0 = f32x4.mul(v128.load(w), f32x4.convert_i32x4_s(s0))
  let t1 = f32x4.mul(v128.load(w, 16), f32x4.convert_i32x4_s(s1))
  if (minima) {
    const sum = v128.load32_splat(sums)
    t0 = f32x4.add(t0, f32x4.mul(v128.load(w, 32), sum))
    t1 = f32x4.add(t1, f32x4.mul(v128.load(w, 48), sum))
  }
  v128.store(runs, f32x4.add(v128.load(runs), f32x4.mul(scale, t0)))
  v128.store(runs, f32x4.add(v128.load(runs, 16), f32x4.mul(scale, t1)), 16)
}
