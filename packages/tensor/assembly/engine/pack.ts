// Rewrites GGUF rows into groups of eight rows, so that a SIMD lane holds one output row (spec/tensor.md §4).
// Element order inside a block of 32 changes ("shuffled order", see quantise.ts); integer sums do not notice.

/** IEEE half to single, exact; infinities and NaN become infinities, which the caller refuses. */
// @ts-ignore: decorator
@inline
export function halfToFloat(half: u32): f32 {
  const magnitude = half & 0x7fff
  const sign = (half & 0x8000) << 16
  if (magnitude >= 0x7c00) return reinterpret<f32>(sign | 0x7f800000)
  return reinterpret<f32>(sign | reinterpret<u32>(reinterpret<f32>(magnitude << 13) * reinterpret<f32>(0x77800000)))
}

// @ts-ignore: decorator
@inline
function isFinite32(value: f32): bool {
  return (reinterpret<u32>(value) & 0x7f800000) != 0x7f800000
}

/**
 * Q4_1: source rows of `blocks` × [f16 scale, f16 minimum, 16 bytes]; target group of blocks × [8 f32 scales, 8 f32 minima, 4 × 8 words].
 * Rows from `rows` on are zero. Returns 1 when a scale or minimum is not finite.
 */
export function packQ41(source: usize, target: usize, rows: i32, blocks: i32): i32 {
  let bad = 0
  for (let row = 0; row < 8; row++) {
    for (let block = 0; block < blocks; block++) {
      const to = target + <usize>(block * 192 + row * 4)
      if (row >= rows) {
        for (let word = 0; word < 6; word++) store<u32>(to + <usize>(word * 32), 0)
        continue
      }
      const from = source + <usize>((row * blocks + block) * 20)
      const scale = halfToFloat(load<u16>(from))
      const minimum = halfToFloat(load<u16>(from, 2))
      if (!isFinite32(scale) || !isFinite32(minimum)) bad = 1
      store<f32>(to, scale)
      store<f32>(to, minimum, 32)
      for (let word = 0; word < 4; word++) store<u32>(to + <usize>(64 + word * 32), load<u32>(from + <usize>(4 + word * 4)))
    }
  }
  return bad
}

/** Q4_0: source [f16 scale, 16 bytes], target [8 f32 scales, 4 × 8 words]. */
export function packQ40(source: usize, target: usize, rows: i32, blocks: i32): i32 {
  let bad = 0
  for (let row = 0; row < 8; row++) {
    for (let block = 0; block < blocks; block++) {
      const to = target + <usize>(block * 160 + row * 4)
      if (row >= rows) {
        store<u32>(to, 0)
        for (let word = 0; word < 4; word++) store<u32>(to + <usize>(32 + word * 32), 0x88888888)
        continue
      }
      const from = source + <usize>((row * blocks + block) * 18)
      const scale = halfToFloat(load<u16>(from))
      if (!isFinite32(scale)) bad = 1
      store<f32>(to, scale)
      for (let word = 0; word < 4; word++) store<u32>(to + <usize>(32 + word * 32), load<u32>(from + <usize>(2 + word * 4)))
    }
  }
  return bad
}

/** Q8_0: source [f16 scale, 32 bytes], target [8 f32 scales, 16 pairs × 8 rows × 2 bytes], pairs in shuffled order. */
export function packQ80(source: usize, target: usize, rows: i32, blocks: i32): i32 {
  let bad = 0
  for (let row = 0; row < 8; row++) {
    for (let block = 0; block < blocks; block++) {
      const to = target + <usize>(block * 288)
      if (row >= rows) {
        store<u32>(to + <usize>(row * 4), 0)
        for (let pair = 0; pair < 16; pair++) store<u16>(to + <usize>(32 + pair * 16 + row * 2), 0)
        continue
      }
      const from = source + <usize>((row * blocks + block) * 34)
      const scale = halfToFloat(load<u16>(from))
      if (!isFinite32(scale)) bad = 1
      store<f32>(to + <usize>(row * 4), scale)
      for (let quad = 0; quad < 8; quad++) {
        const e = from + <usize>(2 + quad * 4)
        const pair = to + <usize>(32 + quad * 32 + row * 2)
        store<u8>(pair, load<u8>(e))
        store<u8>(pair, load<u8>(e, 2), 1)
        store<u8>(pair, load<u8>(e, 1), 16)
        store<u8>(pair, load<u8>(e, 3), 17)
      }
    }
  }
  return bad
}

/** F32 (`half` = 0) or F16 (`half` = 1) rows of `columns` values to columns × 8 f32. */
export function packFloat(source: usize, target: usize, rows: i32, columns: i32, half: i32): i32 {
  let bad = 0
  for (let row = 0; row < 8; row++) {
    for (let column = 0; column < columns; column++) {
      let value: f32 = 0
      if (row < rows) {
        const at = row * columns + column
        value = half ? halfToFloat(load<u16>(source + <usize>(at * 2))) : load<f32>(source + <usize>(at * 4))
        if (!isFinite32(value)) bad = 1
      }
      store<f32>(target + <usize>(column * 32 + row * 4), value)
    }
  }
  return bad
}
