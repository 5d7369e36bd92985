// Matrices of k-quants: blocks of 256 values with scales within scales (spec/tensor.md §2.3). They stay in memory as the file has
// them, words of eight rows side by side, so that a SIMD lane is a row. For a product eight rows of a block are widened once to f32
// and used for all positions; a block is a run of the fold (§3.4). Kinds: 4 Q2_K, 5 Q3_K, 6 Q4_K, 7 Q5_K, 8 Q6_K.
import { halfToFloat } from './pack'

const BLOCK: i32 = 256

/** Bytes of a block in the file. */
function fileBytes(kind: i32): i32 {
  return kind == 4 ? 84 : kind == 5 ? 110 : kind == 6 ? 144 : kind == 7 ? 176 : 210
}

/** Bytes of eight rows of a block: a block is filled up to whole words. */
function packedBytes(kind: i32): i32 {
  return ((fileBytes(kind) + 3) >> 2) << 5
}

/** Where a block has its scale; Q2_K, Q4_K and Q5_K have the scale of minima behind it. */
function scaleOffset(kind: i32): i32 {
  return kind == 4 ? 80 : kind == 5 ? 108 : kind == 8 ? 208 : 0
}

function hasMinima(kind: i32): bool {
  return kind == 4 || kind == 6 || kind == 7
}

/** Source rows of `blocks` blocks as in the file; rows from `rows` on are zero. Returns 1 when a scale is not finite. */
export function packBlocks(source: usize, target: usize, rows: i32, blocks: i32, kind: i32): i32 {
  const bytes = fileBytes(kind)
  const words = (bytes + 3) >> 2
  const offset = scaleOffset(kind)
  let bad = 0
  for (let row = 0; row < 8; row++) {
    for (let block = 0; block < blocks; block++) {
      const to = target + <usize>(block * packedBytes(kind) + row * 4)
      const from = source + <usize>((row * blocks + block) * bytes)
      for (let word = 0; word < words; word++) {
        let value: u32 = 0
        if (row < rows) {
          const at = from + <usize>(word << 2)
          value = (word << 2) + 4 <= bytes ? load<u32>(at) : <u32>load<u16>(at)
        }
        store<u32>(to + <usize>(word << 5), value)
      }
      if (row >= rows) continue
      if (isInfinite(from + <usize>offset)) bad = 1
      if (hasMinima(kind) && isInfinite(from + <usize>(offset + 2))) bad = 1
    }
  }
  return bad
}

function isInfinite(at: usize): bool {
  return (reinterpret<u32>(halfToFloat(load<u16>(at))) & 0x7f800000) == 0x7f800000
}

/**
 * Rows · x for `positions` rows of x, as matmulFloat of the blocks' values; writes groups × 8 f32 a position. `outStride` in bytes;
 * `panel`: 8192 bytes.
 */
export function matmulBlocks(kind: i32, w: usize, x: usize, out: usize, groups: i32, columns: i32, positions: i32, outStride: i32, panel: usize): void {
  const blockBytes = <usize>packedBytes(kind)
  const xStride = <usize>(columns << 2)
  const together = positions & ~3
  for (let group = 0; group < groups; group++) {
    for (let start = 0; start < columns; start += BLOCK) {
      widen(kind, w, panel)
      w += blockBytes
      const first = start == 0
      let from = x + <usize>(start << 2)
      let to = out + <usize>(group << 5)
      for (let position = 0; position < together; position += 4) {
        foldFour(panel, from, xStride, to, outStride, first)
        from += xStride << 2
        to += <usize>(outStride << 2)
      }
      for (let position = together; position < positions; position++) {
        foldOne(panel, from, to, first)
        from += xStride
        to += <usize>outStride
      }
    }
  }
}

/** One row of an embedding from its packed group. `room`: 8192 bytes. */
export function embedBlocks(group: usize, lane: i32, kind: i32, n: i32, y: usize, room: usize): void {
  for (let start = 0; start < n; start += BLOCK) {
    widen(kind, group, room)
    group += <usize>packedBytes(kind)
    for (let i = 0; i < BLOCK; i++) store<f32>(y + <usize>((start + i) << 2), load<f32>(room + <usize>((i << 5) + (lane << 2))))
  }
}

function foldOne(panel: usize, x: usize, to: usize, first: bool): void {
  let run0 = f32x4.splat(0)
  let run1 = f32x4.splat(0)
  for (let i: usize = 0; i < 256; i++) {
    const value = v128.load32_splat(x + (i << 2))
    const at = panel + (i << 5)
    run0 = f32x4.add(run0, f32x4.mul(v128.load(at), value))
    run1 = f32x4.add(run1, f32x4.mul(v128.load(at, 16), value))
  }
  addRun(to, run0, run1, first)
}

function foldFour(panel: usize, x: usize, xStride: usize, to: usize, outStride: i32, first: bool): void {
  const xb = x + xStride
  const xc = xb + xStride
  const xd = xc + xStride
  let a0 = f32x4.splat(0)
  let a1 = f32x4.splat(0)
  let b0 = f32x4.splat(0)
  let b1 = f32x4.splat(0)
  let c0 = f32x4.splat(0)
  let c1 = f32x4.splat(0)
  let d0 = f32x4.splat(0)
  let d1 = f32x4.splat(0)
  for (let i: usize = 0; i < 1024; i += 4) {
    const at = panel + (i << 3)
    const w0 = v128.load(at)
    const w1 = v128.load(at, 16)
    let value = v128.load32_splat(x + i)
    a0 = f32x4.add(a0, f32x4.mul(w0, value))
    a1 = f32x4.add(a1, f32x4.mul(w1, value))
    value = v128.load32_splat(xb + i)
    b0 = f32x4.add(b0, f32x4.mul(w0, value))
    b1 = f32x4.add(b1, f32x4.mul(w1, value))
    value = v128.load32_splat(xc + i)
    c0 = f32x4.add(c0, f32x4.mul(w0, value))
    c1 = f32x4.add(c1, f32x4.mul(w1, value))
    value = v128.load32_splat(xd + i)
    d0 = f32x4.add(d0, f32x4.mul(w0, value))
    d1 = f32x4.add(d1, f32x4.mul(w1, value))
  }
  addRun(to, a0, a1, first)
  addRun(to + <usize>outStride, b0, b1, first)
  addRun(to + <usize>(outStride * 2), c0, c1, first)
  addRun(to + <usize>(outStride * 3), d0, d1, first)
}

// @ts-ignore: decorator
@inline
function addRun(to: usize, run0: v128, run1: v128, first: bool): void {
  v128.store(to, first ? run0 : f32x4.add(v128.load(to), run0))
  v128.store(to, first ? run1 : f32x4.add(v128.load(to, 16), run1), 16)
}

/** The 256 values of a block of eight rows, to [256][8] f32. */
function widen(kind: i32, block: usize, to: usize): void {
  for (let half: usize = 0; half < 32; half += 16) {
    if (kind == 4) widenTwo(block + half, to + half)
    else if (kind == 5) widenThree(block + half, to + half)
    else if (kind == 8) widenSix(block + half, to + half)
    else widenFourOrFive(block + half, to + half, kind == 7)
  }
}

/** Q4_K and Q5_K: scales, 12 bytes of eight scales and minima, of Q5_K a fifth bit of each value (32 bytes), nibbles (128). */
function widenFourOrFive(block: usize, to: usize, fifth: bool): void {
  const head = v128.load(block)
  const d = halves(head)
  const dmin = halves(i32x4.shr_u(head, 16))
  const low = wordAt(block, 1)
  const minima = wordAt(block, 2)
  const high = wordAt(block, 3)
  for (let part = 0; part < 8; part++) {
    const shift = (part & 3) << 3
    let s = v128.and(i32x4.shr_u(low, shift), i32x4.splat(63))
    let m = v128.and(i32x4.shr_u(minima, shift), i32x4.splat(63))
    if (part > 3) {
      const both = i32x4.shr_u(high, shift)
      const top = i32x4.splat(48)
      s = v128.or(v128.and(both, i32x4.splat(15)), v128.and(i32x4.shr_u(i32x4.shr_u(low, shift), 2), top))
      m = v128.or(v128.and(i32x4.shr_u(both, 4), i32x4.splat(15)), v128.and(i32x4.shr_u(i32x4.shr_u(minima, shift), 2), top))
    }
    const scale = f32x4.mul(d, f32x4.convert_i32x4_s(s))
    const minimum = f32x4.mul(dmin, f32x4.convert_i32x4_s(m))
    const nibbles = (fifth ? 12 : 4) + ((part >> 1) << 3)
    for (let word = 0; word < 8; word++) {
      let v = v128.and(i32x4.shr_u(wordAt(block, nibbles + word), (part & 1) << 2), i32x4.splat(0x0f0f0f0f))
      if (fifth) v = v128.or(v, i32x4.shl(v128.and(i32x4.shr_u(wordAt(block, 4 + word), part), i32x4.splat(0x01010101)), 4))
      putDifferences(to, v, scale, minimum)
      to += 128
    }
  }
}

/** Q2_K: 16 bytes of scale (low nibble) and minimum, 64 bytes of two bits each, scales. */
function widenTwo(block: usize, to: usize): void {
  const head = wordAt(block, 20)
  const d = halves(head)
  const dmin = halves(i32x4.shr_u(head, 16))
  for (let part = 0; part < 16; part++) {
    const both = byteOf(wordAt(block, part >> 2), part & 3)
    const scale = f32x4.mul(d, f32x4.convert_i32x4_s(v128.and(both, i32x4.splat(15))))
    const minimum = f32x4.mul(dmin, f32x4.convert_i32x4_s(i32x4.shr_u(both, 4)))
    for (let word = 0; word < 4; word++) {
      const v = v128.and(i32x4.shr_u(wordAt(block, 4 + wordOf(part) + word), part & 6), i32x4.splat(0x03030303))
      putDifferences(to, v, scale, minimum)
      to += 128
    }
  }
}

/** Q3_K: 32 bytes of a third bit, 64 bytes of two bits each, 12 bytes of sixteen scales, scale. */
function widenThree(block: usize, to: usize): void {
  const d = halves(wordAt(block, 27))
  for (let part = 0; part < 16; part++) {
    const low = i32x4.shr_u(byteOf(wordAt(block, 24 + ((part >> 2) & 1)), part & 3), part < 8 ? 0 : 4)
    const high = i32x4.shr_u(byteOf(wordAt(block, 26), part & 3), (part >> 2) << 1)
    const six = v128.or(v128.and(low, i32x4.splat(15)), i32x4.shl(v128.and(high, i32x4.splat(3)), 4))
    const scale = f32x4.mul(d, f32x4.convert_i32x4_s(i32x4.sub(six, i32x4.splat(32))))
    for (let word = 0; word < 4; word++) {
      const two = v128.and(i32x4.shr_u(wordAt(block, 8 + wordOf(part) + word), part & 6), i32x4.splat(0x03030303))
      const third = v128.and(i32x4.shr_u(wordAt(block, ((part & 1) << 2) + word), part >> 1), i32x4.splat(0x01010101))
      const v = v128.or(two, i32x4.shl(third, 2))
      putProducts(to, v, scale, i32x4.splat(4))
      to += 128
    }
  }
}

/** Q6_K: 128 bytes of low nibbles, 64 bytes of two high bits each, sixteen scales of eight bits with a sign, scale. */
function widenSix(block: usize, to: usize): void {
  const d = halves(wordAt(block, 52))
  for (let part = 0; part < 16; part++) {
    const signed = i32x4.shr_s(i32x4.shl(wordAt(block, 48 + (part >> 2)), 24 - ((part & 3) << 3)), 24)
    const scale = f32x4.mul(d, f32x4.convert_i32x4_s(signed))
    const nibbles = ((part >> 3) << 4) + (part & 3) * 4
    for (let word = 0; word < 4; word++) {
      const low = v128.and(i32x4.shr_u(wordAt(block, nibbles + word), part & 4), i32x4.splat(0x0f0f0f0f))
      const high = v128.and(i32x4.shr_u(wordAt(block, 32 + wordOf(part) + word), part & 6), i32x4.splat(0x03030303))
      const v = v128.or(low, i32x4.shl(high, 4))
      putProducts(to, v, scale, i32x4.splat(32))
      to += 128
    }
  }
}

/** Four values from the bytes of a word: scale × byte − minimum. */
// @ts-ignore: decorator
@inline
function putDifferences(to: usize, v: v128, scale: v128, minimum: v128): void {
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(byteOf(v, 0))), minimum))
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(byteOf(v, 1))), minimum), 32)
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(byteOf(v, 2))), minimum), 64)
  v128.store(to, f32x4.sub(f32x4.mul(scale, f32x4.convert_i32x4_s(byteOf(v, 3))), minimum), 96)
}

/** Four values from the bytes of a word: scale × (byte − offset). */
// @ts-ignore: decorator
@inline
function putProducts(to: usize, v: v128, scale: v128, offset: v128): void {
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.sub(byteOf(v, 0), offset))))
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.sub(byteOf(v, 1), offset))), 32)
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.sub(byteOf(v, 2), offset))), 64)
  v128.store(to, f32x4.mul(scale, f32x4.convert_i32x4_s(i32x4.sub(byteOf(v, 3), offset))), 96)
}

/** Of 64 bytes with four times two bits each, the word that has the first of the sixteen values of `part`; they are `part & 6` bits up. */
// @ts-ignore: decorator
@inline
function wordOf(part: i32): i32 {
  return ((part >> 3) << 3) + ((part & 1) << 2)
}

/** Word `index` of the block of four rows. */
// @ts-ignore: decorator
@inline
function wordAt(block: usize, index: i32): v128 {
  return v128.load(block + <usize>(index << 5))
}

// @ts-ignore: decorator
@inline
function byteOf(words: v128, byte: i32): v128 {
  return v128.and(i32x4.shr_u(words, byte << 3), i32x4.splat(255))
}

/** The halves in the low 16 bits, widened exactly; they are finite. */
// @ts-ignore: decorator
@inline
function halves(words: v128): v128 {
  const magnitude = i32x4.shl(v128.and(words, i32x4.splat(0x7fff)), 13)
  const sign = i32x4.shl(v128.and(words, i32x4.splat(0x8000)), 16)
  return v128.or(sign, f32x4.mul(magnitude, f32x4.splat(reinterpret<f32>(0x77800000))))
}
