// Dequantised f32 panels of packed matrices, so that training multiplies by the exact values of the file (spec/training.md §3).
// A panel is [k][8] f32: eight outputs of the product side by side, k the index that is summed.

import { headBytes, inHalves, inNibbles, minimaOffset } from '../engine/layout'

/** Block `block` of a packed group of eight rows as [32][8] f32: lanes are rows. `kind`: of `layout.ts`, but floats. */
export function widenBlock(kind: i32, block: usize, to: usize): void {
  if (inNibbles(kind)) widenNibbles(kind, block, to)
  else widenBytes(kind, block, to)
}

function widenNibbles(kind: i32, block: usize, to: usize): void {
  const mask = i32x4.splat(15)
  const minima = kind != 2
  const second = block + (inHalves(kind) ? 32 : 0)
  const d0 = v128.load(block)
  const d1 = v128.load(block, 16)
  const e0 = v128.load(second)
  const e1 = v128.load(second, 16)
  const offset = i32x4.splat(minima ? 0 : 8)
  const behind = minimaOffset(kind)
  const m0 = v128.load(block + behind)
  const m1 = v128.load(block + behind, 16)
  const n0 = v128.load(second + behind)
  const n1 = v128.load(second + behind, 16)
  let from = block + headBytes(kind)
  for (let word = 0; word < 4; word++) {
    let v0 = v128.load(from)
    let v1 = v128.load(from, 16)
    for (let byte = 0; byte < 4; byte++) {
      const l0 = f32x4.mul(d0, f32x4.convert_i32x4_s(i32x4.sub(v128.and(v0, mask), offset)))
      const l1 = f32x4.mul(d1, f32x4.convert_i32x4_s(i32x4.sub(v128.and(v1, mask), offset)))
      v0 = i32x4.shr_u(v0, 4)
      v1 = i32x4.shr_u(v1, 4)
      const h0 = f32x4.mul(e0, f32x4.convert_i32x4_s(i32x4.sub(v128.and(v0, mask), offset)))
      const h1 = f32x4.mul(e1, f32x4.convert_i32x4_s(i32x4.sub(v128.and(v1, mask), offset)))
      v0 = i32x4.shr_u(v0, 4)
      v1 = i32x4.shr_u(v1, 4)
      v128.store(to, minima ? f32x4.add(l0, m0) : l0)
      v128.store(to, minima ? f32x4.add(l1, m1) : l1, 16)
      v128.store(to, minima ? f32x4.add(h0, n0) : h0, 512)
      v128.store(to, minima ? f32x4.add(h1, n1) : h1, 528)
      to += 32
    }
    from += 32
  }
}

/** Pairs lie in shuffled order: of four elements the even ones first, then the odd ones. */
function widenBytes(kind: i32, block: usize, to: usize): void {
  const minima = minimaOffset(kind)
  const from = block + headBytes(kind)
  for (let pair = 0; pair < 16; pair++) {
    const head = block + (inHalves(kind) && pair > 7 ? 32 : 0)
    const v = v128.load(from + <usize>(pair << 4))
    const first = i16x8.shr_s(i16x8.shl(v, 8), 8)
    const second = i16x8.shr_s(v, 8)
    const at = to + <usize>((((pair >> 1) << 2) + (pair & 1)) << 5)
    widenFour(head, minima, i32x4.extend_low_i16x8_s(first), at)
    widenFour(head + 16, minima, i32x4.extend_high_i16x8_s(first), at + 16)
    widenFour(head, minima, i32x4.extend_low_i16x8_s(second), at + 64)
    widenFour(head + 16, minima, i32x4.extend_high_i16x8_s(second), at + 80)
  }
}

/** @param minima - bytes from the scales to the minima, 0 for none */
// @ts-ignore: decorator
@inline
function widenFour(head: usize, minima: usize, integers: v128, to: usize): void {
  const value = f32x4.mul(v128.load(head), f32x4.convert_i32x4_s(integers))
  v128.store(to, minima ? f32x4.add(value, v128.load(head + minima)) : value)
}

/** Turns [8 columns][8 rows] at `from` into eight rows of eight columns at `to`. */
export function turnEight(from: usize, to: usize): void {
  for (let half: usize = 0; half < 2; half++) {
    for (let quarter: usize = 0; quarter < 2; quarter++) {
      const source = from + (quarter << 7) + (half << 4)
      const a = v128.load(source)
      const b = v128.load(source, 32)
      const c = v128.load(source, 64)
      const d = v128.load(source, 96)
      const ab0 = v128.shuffle<i32>(a, b, 0, 4, 1, 5)
      const ab1 = v128.shuffle<i32>(a, b, 2, 6, 3, 7)
      const cd0 = v128.shuffle<i32>(c, d, 0, 4, 1, 5)
      const cd1 = v128.shuffle<i32>(c, d, 2, 6, 3, 7)
      const target = to + (half << 7) + (quarter << 4)
      v128.store(target, v128.shuffle<i64>(ab0, cd0, 0, 2))
      v128.store(target, v128.shuffle<i64>(ab0, cd0, 1, 3), 32)
      v128.store(target, v128.shuffle<i64>(ab1, cd1, 0, 2), 64)
      v128.store(target, v128.shuffle<i64>(ab1, cd1, 1, 3), 96)
    }
  }
}

/** Plain rows [count][columns] (stride in bytes) to panels of eight rows as lanes: [⌈count/8⌉][columns][8]; missing rows are zero. */
export function packLanes(source: usize, stride: i32, count: i32, columns: i32, target: usize): void {
  for (let start = 0; start < count; start += 8) {
    for (let lane = 0; lane < 8; lane++) {
      const row = source + <usize>((start + lane) * stride)
      let to = target + <usize>(lane << 2)
      const present = start + lane < count
      for (let column = 0; column < columns; column++) {
        store<f32>(to, present ? load<f32>(row + <usize>(column << 2)) : 0)
        to += 32
      }
    }
    target += <usize>(columns << 5)
  }
}

/** Plain rows [count][columns] to panels of eight columns as lanes: [columns/8][count][8]. */
export function packColumns(source: usize, stride: i32, count: i32, columns: i32, target: usize): void {
  for (let column = 0; column < columns; column += 8) {
    let from = source + <usize>(column << 2)
    for (let row = 0; row < count; row++) {
      v128.store(target, v128.load(from))
      v128.store(target, v128.load(from, 16), 16)
      target += 32
      from += <usize>stride
    }
  }
}
