// One position times a packed matrix: the decode path. Lanes are output rows; a block of 32 products is an exact integer,
// block values are folded in order in runs of 256, and the runs in order (spec/tensor.md §3.4). matmul.ts gives the same bits.

import { headBytes, minimaOffset, packedBytes, sumOfHalf } from './layout'

export const RUN: i32 = 256

/**
 * Rows [groups × 8] · x of a kind of `layout.ts` but floats; writes groups × 8 f32 to `out`. `mask` is 15: as an argument it stays in a
 * register, as a constant V8 builds it anew at each use (measured 1.5 times slower).
 */
export function matvec(kind: i32, w: usize, q: usize, scales: usize, sums: usize, out: usize, groups: i32, blocks: i32, mask: i32): void {
  if (kind == 3) matvecQ41(w, q, scales, sums, out, groups, blocks, mask)
  else if (kind == 2) matvecQ40(w, q, scales, sums, out, groups, blocks, mask)
  else if (kind == 5 || kind == 6) matvecHalves(kind, w, q, scales, out, groups, blocks, mask)
  else matvecBytes(kind, w, q, scales, sums, out, groups, blocks)
}

/** Kind 3. */
function matvecQ41(w: usize, q: usize, scales: usize, sums: usize, out: usize, groups: i32, blocks: i32, mask: i32): void {
  const lowMask = i16x8.splat(<i16>mask)
  const highMask = i16x8.shl(lowMask, 4)
  for (let group = 0; group < groups; group++) {
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    for (let start = 0; start < blocks; start += RUN) {
      const end = min(start + RUN, blocks)
      let run0 = f32x4.splat(0)
      let run1 = f32x4.splat(0)
      for (let block = start; block < end; block++) {
        const at = q + <usize>(block << 6)
        const scale = v128.load32_splat(scales + <usize>(block << 2))
        const sum = v128.load32_splat(sums + <usize>(block << 2))
        const s0 = f32x4.convert_i32x4_s(nibbleDot(w + 64, at, lowMask, highMask))
        const s1 = f32x4.convert_i32x4_s(nibbleDot(w + 80, at, lowMask, highMask))
        const t0 = f32x4.add(f32x4.mul(v128.load(w), s0), f32x4.mul(v128.load(w, 32), sum))
        const t1 = f32x4.add(f32x4.mul(v128.load(w, 16), s1), f32x4.mul(v128.load(w, 48), sum))
        run0 = f32x4.add(run0, f32x4.mul(scale, t0))
        run1 = f32x4.add(run1, f32x4.mul(scale, t1))
        w += 192
      }
      total0 = f32x4.add(total0, run0)
      total1 = f32x4.add(total1, run1)
    }
    v128.store(out, total0)
    v128.store(out, total1, 16)
    out += 32
  }
}

/** Kind 2. */
function matvecQ40(w: usize, q: usize, scales: usize, sums: usize, out: usize, groups: i32, blocks: i32, mask: i32): void {
  const lowMask = i16x8.splat(<i16>mask)
  const highMask = i16x8.shl(lowMask, 4)
  for (let group = 0; group < groups; group++) {
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    for (let start = 0; start < blocks; start += RUN) {
      const end = min(start + RUN, blocks)
      let run0 = f32x4.splat(0)
      let run1 = f32x4.splat(0)
      for (let block = start; block < end; block++) {
        const at = q + <usize>(block << 6)
        const scale = v128.load32_splat(scales + <usize>(block << 2))
        const eight = i32x4.shl(i32x4.trunc_sat_f32x4_s(v128.load32_splat(sums + <usize>(block << 2))), 3)
        const s0 = f32x4.convert_i32x4_s(i32x4.sub(nibbleDot(w + 32, at, lowMask, highMask), eight))
        const s1 = f32x4.convert_i32x4_s(i32x4.sub(nibbleDot(w + 48, at, lowMask, highMask), eight))
        run0 = f32x4.add(run0, f32x4.mul(scale, f32x4.mul(v128.load(w), s0)))
        run1 = f32x4.add(run1, f32x4.mul(scale, f32x4.mul(v128.load(w, 16), s1)))
        w += 160
      }
      total0 = f32x4.add(total0, run0)
      total1 = f32x4.add(total1, run1)
    }
    v128.store(out, total0)
    v128.store(out, total1, 16)
    out += 32
  }
}

/** Kinds 1 and 4. */
function matvecBytes(kind: i32, w: usize, q: usize, scales: usize, sums: usize, out: usize, groups: i32, blocks: i32): void {
  const minima = kind == 4
  const head = headBytes(kind)
  for (let group = 0; group < groups; group++) {
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    for (let start = 0; start < blocks; start += RUN) {
      const end = min(start + RUN, blocks)
      let run0 = f32x4.splat(0)
      let run1 = f32x4.splat(0)
      for (let block = start; block < end; block++) {
        const at = q + <usize>(block << 6)
        let s0 = i32x4.splat(0)
        let s1 = i32x4.splat(0)
        const bytes = w + head
        for (let pair: usize = 0; pair < 16; pair += 4) {
          const p = at + (pair << 2)
          const v = bytes + (pair << 4)
          const x0 = v128.load32_splat(p)
          const x1 = v128.load32_splat(p, 4)
          const x2 = v128.load32_splat(p, 8)
          const x3 = v128.load32_splat(p, 12)
          s0 = addDot(s0, v128.load8x8_s(v), x0)
          s1 = addDot(s1, v128.load8x8_s(v, 8), x0)
          s0 = addDot(s0, v128.load8x8_s(v, 16), x1)
          s1 = addDot(s1, v128.load8x8_s(v, 24), x1)
          s0 = addDot(s0, v128.load8x8_s(v, 32), x2)
          s1 = addDot(s1, v128.load8x8_s(v, 40), x2)
          s0 = addDot(s0, v128.load8x8_s(v, 48), x3)
          s1 = addDot(s1, v128.load8x8_s(v, 56), x3)
        }
        const scale = v128.load32_splat(scales + <usize>(block << 2))
        let t0 = f32x4.mul(v128.load(w), f32x4.convert_i32x4_s(s0))
        let t1 = f32x4.mul(v128.load(w, 16), f32x4.convert_i32x4_s(s1))
        if (minima) {
          const sum = v128.load32_splat(sums + <usize>(block << 2))
          t0 = f32x4.add(t0, f32x4.mul(v128.load(w, 32), sum))
          t1 = f32x4.add(t1, f32x4.mul(v128.load(w, 48), sum))
        }
        run0 = f32x4.add(run0, f32x4.mul(scale, t0))
        run1 = f32x4.add(run1, f32x4.mul(scale, t1))
        w += packedBytes(kind)
      }
      total0 = f32x4.add(total0, run0)
      total1 = f32x4.add(total1, run1)
    }
    v128.store(out, total0)
    v128.store(out, total1, 16)
    out += 32
  }
}

/** Kinds 5 and 6: the two halves of a block have scales of their own, of kind 6 minima too. */
function matvecHalves(kind: i32, w: usize, q: usize, scales: usize, out: usize, groups: i32, blocks: i32, mask: i32): void {
  const minima = minimaOffset(kind)
  const lowMask = i16x8.splat(<i16>mask)
  for (let group = 0; group < groups; group++) {
    let total0 = f32x4.splat(0)
    let total1 = f32x4.splat(0)
    for (let start = 0; start < blocks; start += RUN) {
      const end = min(start + RUN, blocks)
      let run0 = f32x4.splat(0)
      let run1 = f32x4.splat(0)
      for (let block = start; block < end; block++) {
        const at = q + <usize>(block << 6)
        const bytes = w + headBytes(kind)
        let value0 = f32x4.splat(0)
        let value1 = f32x4.splat(0)
        for (let half: usize = 0; half < 2; half++) {
          const x = at + (half << 5)
          const s0 = minima ? nibbleHalfDot(bytes, x, <i32>half << 2, lowMask) : byteHalfDot(bytes + (half << 7), x)
          const s1 = minima ? nibbleHalfDot(bytes + 16, x, <i32>half << 2, lowMask) : byteHalfDot(bytes + (half << 7) + 8, x)
          const head = w + (half << 5)
          let t0 = f32x4.mul(v128.load(head), f32x4.convert_i32x4_s(s0))
          let t1 = f32x4.mul(v128.load(head, 16), f32x4.convert_i32x4_s(s1))
          if (minima) {
            const sum = f32x4.splat(<f32>sumOfHalf(x))
            t0 = f32x4.add(t0, f32x4.mul(v128.load(head + minima), sum))
            t1 = f32x4.add(t1, f32x4.mul(v128.load(head + minima, 16), sum))
          }
          value0 = half ? f32x4.add(value0, t0) : t0
          value1 = half ? f32x4.add(value1, t1) : t1
        }
        const scale = v128.load32_splat(scales + <usize>(block << 2))
        run0 = f32x4.add(run0, f32x4.mul(scale, value0))
        run1 = f32x4.add(run1, f32x4.mul(scale, value1))
        w += packedBytes(kind)
      }
      total0 = f32x4.add(total0, run0)
      total1 = f32x4.add(total1, run1)
    }
    v128.store(out, total0)
    v128.store(out, total1, 16)
    out += 32
  }
}

// @ts-ignore: decorator
@inline
export function addDot(sum: v128, w: v128, x: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(w, x))
}

/** Exact dots of 16 bytes of four rows (pairs 16 bytes apart) with 16 shuffled i16. */
// @ts-ignore: decorator
@inline
function byteHalfDot(w: usize, q: usize): v128 {
  let sum = i32x4.dot_i16x8_s(v128.load8x8_s(w), v128.load32_splat(q))
  let more = i32x4.dot_i16x8_s(v128.load8x8_s(w, 16), v128.load32_splat(q, 4))
  sum = addDot(sum, v128.load8x8_s(w, 32), v128.load32_splat(q, 8))
  more = addDot(more, v128.load8x8_s(w, 48), v128.load32_splat(q, 12))
  sum = addDot(sum, v128.load8x8_s(w, 64), v128.load32_splat(q, 16))
  more = addDot(more, v128.load8x8_s(w, 80), v128.load32_splat(q, 20))
  sum = addDot(sum, v128.load8x8_s(w, 96), v128.load32_splat(q, 24))
  more = addDot(more, v128.load8x8_s(w, 112), v128.load32_splat(q, 28))
  return i32x4.add(sum, more)
}

/** Exact dots of 16 nibbles of four rows (words 32 bytes apart), `shift` bits up in their bytes, with 16 shuffled i16. */
// @ts-ignore: decorator
@inline
function nibbleHalfDot(w: usize, q: usize, shift: i32, mask: v128): v128 {
  let sum = i32x4.splat(0)
  for (let word: usize = 0; word < 4; word++) {
    const v = i16x8.shr_u(v128.load(w + (word << 5)), shift)
    sum = addDot(sum, v128.and(v, mask), v128.load32_splat(q + (word << 3)))
    sum = addDot(sum, v128.and(i16x8.shr_u(v, 8), mask), v128.load32_splat(q + (word << 3), 4))
  }
  return sum
}

/** f32 rows · x for `positions` rows of x; products folded in order in runs of 256, then the runs. */
export function matmulFloat(w: usize, x: usize, out: usize, groups: i32, columns: i32, positions: i32, outStride: i32): void {
  for (let group = 0; group < groups; group++) {
    for (let position = 0; position < positions; position++) {
      const row = x + <usize>((position * columns) << 2)
      let total0 = f32x4.splat(0)
      let total1 = f32x4.splat(0)
      for (let start = 0; start < columns; start += RUN) {
        const end = min(start + RUN, columns)
        let run0 = f32x4.splat(0)
        let run1 = f32x4.splat(0)
        for (let column = start; column < end; column++) {
          const value = v128.load32_splat(row + <usize>(column << 2))
          const at = w + <usize>(column << 5)
          run0 = f32x4.add(run0, f32x4.mul(v128.load(at), value))
          run1 = f32x4.add(run1, f32x4.mul(v128.load(at, 16), value))
        }
        total0 = f32x4.add(total0, run0)
        total1 = f32x4.add(total1, run1)
      }
      const to = out + <usize>(position * outStride + (group << 5))
      v128.store(to, total0)
      v128.store(to, total1, 16)
    }
    w += <usize>(columns << 5)
  }
}

/** Exact dots of 32 nibbles of four rows (words 32 bytes apart) with 32 shuffled i16. High nibbles are used in place, ×16. */
// @ts-ignore: decorator
@inline
function nibbleDot(w: usize, q: usize, lowMask: v128, highMask: v128): v128 {
  let low = i32x4.splat(0)
  let high = i32x4.splat(0)
  const v0 = v128.load(w)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(v0, lowMask), v128.load32_splat(q)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(v0, highMask), v128.load32_splat(q, 32)))
  const u0 = i16x8.shr_u(v0, 8)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(u0, lowMask), v128.load32_splat(q, 4)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(u0, highMask), v128.load32_splat(q, 36)))
  const v1 = v128.load(w, 32)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(v1, lowMask), v128.load32_splat(q, 8)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(v1, highMask), v128.load32_splat(q, 40)))
  const u1 = i16x8.shr_u(v1, 8)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(u1, lowMask), v128.load32_splat(q, 12)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(u1, highMask), v128.load32_splat(q, 44)))
  const v2 = v128.load(w, 64)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(v2, lowMask), v128.load32_splat(q, 16)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(v2, highMask), v128.load32_splat(q, 48)))
  const u2 = i16x8.shr_u(v2, 8)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(u2, lowMask), v128.load32_splat(q, 20)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(u2, highMask), v128.load32_splat(q, 52)))
  const v3 = v128.load(w, 96)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(v3, lowMask), v128.load32_splat(q, 24)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(v3, highMask), v128.load32_splat(q, 56)))
  const u3 = i16x8.shr_u(v3, 8)
  low = i32x4.add(low, i32x4.dot_i16x8_s(v128.and(u3, lowMask), v128.load32_splat(q, 28)))
  high = i32x4.add(high, i32x4.dot_i16x8_s(v128.and(u3, highMask), v128.load32_splat(q, 60)))
  return i32x4.add(low, i32x4.shr_s(high, 4))
}
