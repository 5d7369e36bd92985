// How packed matrices lie in memory (spec/tensor.md §4): groups of eight rows, blocks of 32 columns, a SIMD lane being a row. A block is
// its scales and minima, [8] f32 each, then its integers. Kinds, named after the type that each was made for:
// 0 float [8] f32 a column
// 1 Q8_0  scales; bytes
// 2 Q4_0  scales; nibbles, 8 above the integers
// 3 Q4_1  scales, minima; nibbles
// 4 Q5_1  scales, minima; bytes
// 5 Q6_K  scales of columns 0–15 and of 16–31; bytes
// 6 Q2_K  scales of both halves, minima of both halves; nibbles
// Nibbles: four words a row, the low ones columns 0–15. Bytes: 16 pairs a row, in shuffled order (elements 4m, 4m+2; 4m+1, 4m+3).

// @ts-ignore: decorator
@inline
export function inNibbles(kind: i32): bool {
  return kind == 2 || kind == 3 || kind == 6
}

/** Bytes of a block's scales and minima. */
// @ts-ignore: decorator
@inline
export function headBytes(kind: i32): usize {
  return kind == 6 ? 128 : kind < 3 ? 32 : 64
}

/** Bytes of a block. */
// @ts-ignore: decorator
@inline
export function packedBytes(kind: i32): usize {
  return headBytes(kind) + (inNibbles(kind) ? 128 : 256)
}

/** Whether columns 0–15 and 16–31 have scales of their own. */
// @ts-ignore: decorator
@inline
export function inHalves(kind: i32): bool {
  return kind >= 5
}

/** Where a block has its minima, from its beginning; 0 for a kind without. */
// @ts-ignore: decorator
@inline
export function minimaOffset(kind: i32): usize {
  return kind == 6 ? 64 : kind == 3 || kind == 4 ? 32 : 0
}

/** Sum of 16 of an activation's integers. */
// @ts-ignore: decorator
@inline
export function sumOfHalf(q: usize): i32 {
  const v = i32x4.add(i32x4.extadd_pairwise_i16x8_s(v128.load(q)), i32x4.extadd_pairwise_i16x8_s(v128.load(q, 16)))
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1) + i32x4.extract_lane(v, 2) + i32x4.extract_lane(v, 3)
}
