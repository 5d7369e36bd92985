/**
 * Products of symbols with one fixed factor: 16 symbols at once, as a vector of low and a vector of high bytes, by
 * looking up each of their four nibbles. A factor is 8 tables of 16 bytes: the product's low byte for nibble 0, 1, 2, 3,
 * then its high byte.
 */
export const CHUNK: usize = 64

// @ts-ignore: decorator
@inline
export function lookUp(table: v128, nibbles: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return i8x16.relaxed_swizzle(table, nibbles)
  return i8x16.swizzle(table, nibbles)
}

// @ts-ignore: decorator
@inline
export function lowNibbles(bytes: v128): v128 {
  return v128.and(bytes, i8x16.splat(15))
}

// @ts-ignore: decorator
@inline
export function highNibbles(bytes: v128): v128 {
  return v128.and(i16x8.shr_u(bytes, 4), i8x16.splat(15))
}

// @ts-ignore: decorator
@inline
export function sum4(a: v128, b: v128, c: v128, d: v128): v128 {
  return v128.xor(v128.xor(a, b), v128.xor(c, d))
}

/** Whether the factor is zero: then its product with 1 is. */
// @ts-ignore: decorator
@inline
export function isZero(table: usize): bool {
  return (load<u8>(table, 1) | load<u8>(table, 65)) == 0
}
