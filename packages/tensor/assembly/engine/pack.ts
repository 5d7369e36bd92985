// Rewrites GGUF rows into groups of eight rows, so that a SIMD lane holds one output row (spec/tensor.md §4, `layout.ts`).
// Element order inside a block of 32 changes ("shuffled order", see `quantise`); integer sums do not notice.
import { fileBytes, kindOf, minimumOf, partsOf, quadOf, scaleOf } from './fileBlocks'
import { halfToFloat, isFinite32 } from './half'
import { headBytes, inHalves, inNibbles, minimaOffset, packedBytes } from './layout'

/**
 * Source rows of `columns` values in blocks of a quantised type (GGUF's number). Rows from `rows` on have scales and minima of zero.
 * Returns 1 when a scale or minimum is not finite.
 */
export function packBlocks(type: i32, source: usize, target: usize, rows: i32, columns: i32): i32 {
  const kind = kindOf(type)
  const bytes = <usize>fileBytes(type)
  const parts = partsOf(type)
  const head = headBytes(kind)
  const stride = packedBytes(kind)
  const asNibbles = inNibbles(kind)
  const halves = inHalves(kind) ? 2 : 1
  const minima = minimaOffset(kind)
  let good = true
  for (let row = 0; row < 8; row++) {
    let to = target + <usize>(row << 2)
    for (let column = 0; column < columns; column += parts << 5) {
      for (let part = 0; part < parts; part++) {
        if (row < rows) {
          for (let half = 0; half < halves; half++) good = packScale(type, source, part, half, to + <usize>(half << 5), minima) && good
          if (asNibbles) packNibbles(type, source, part, to + head)
          else packPairs(type, source, part, to + head - <usize>(row << 1))
        } else for (let at: usize = 0; at < head; at += 32) store<f32>(to + at, 0)
        to += stride
      }
      if (row < rows) source += bytes
    }
  }
  return good ? 0 : 1
}

/** Whether the scale, and the minimum if `minima` is above 0, are finite. */
// @ts-ignore: decorator
@inline
function packScale(type: i32, source: usize, part: i32, half: i32, to: usize, minima: usize): bool {
  const scale = scaleOf(type, source, part, half)
  store<f32>(to, scale)
  if (minima == 0) return isFinite32(scale)
  const minimum = minimumOf(type, source, part, half)
  store<f32>(to + minima, minimum)
  return isFinite32(scale) && isFinite32(minimum)
}

function packNibbles(type: i32, source: usize, part: i32, to: usize): void {
  if (type == 2 || type == 3) {
    source += type == 2 ? 2 : 4
    for (let word: usize = 0; word < 4; word++) store<u32>(to + (word << 5), load<u32>(source + (word << 2)))
    return
  }
  for (let word = 0; word < 4; word++) {
    store<u32>(to + <usize>(word << 5), quadOf(type, source, part, word) | (quadOf(type, source, part, word + 4) << 4))
  }
}

function packPairs(type: i32, source: usize, part: i32, to: usize): void {
  for (let quad = 0; quad < 8; quad++) {
    const bytes = quadOf(type, source, part, quad)
    const at = to + <usize>(quad << 5)
    store<u16>(at, <u16>((bytes & 255) | ((bytes >> 8) & 0xff00)))
    store<u16>(at, <u16>(((bytes >> 8) & 255) | ((bytes >> 16) & 0xff00)), 16)
  }
}

/** F32 (`type` 0), F16 (1) or BF16 (30) rows of `columns` values to columns × 8 f32. */
export function packFloat(type: i32, source: usize, target: usize, rows: i32, columns: i32): i32 {
  let bad = 0
  for (let row = 0; row < 8; row++) {
    for (let column = 0; column < columns; column++) {
      let value: f32 = 0
      if (row < rows) {
        const at = <usize>(row * columns + column)
        if (type == 0) value = load<f32>(source + (at << 2))
        else if (type == 1) value = halfToFloat(load<u16>(source + (at << 1)))
        else value = reinterpret<f32>(<u32>load<u16>(source + (at << 1)) << 16)
        if (!isFinite32(value)) bad = 1
      }
      store<f32>(target + <usize>(column * 32 + row * 4), value)
    }
  }
  return bad
}
