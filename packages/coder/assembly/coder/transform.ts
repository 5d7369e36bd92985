/**
 * The additive FFT over columns of symbols: rows lie `stride` bytes apart at `work`, `span` bytes of each are worked on,
 * `tile` at a time, so that the rows of a tile stay in cache. `skew` holds the tables of the butterflies' factors: the
 * one at position p uses table p - 1.
 */
import { CHUNK, highNibbles, isZero, lookUp, lowNibbles, sum4 } from './product'

const TABLE: usize = 128

/**
 * Rows 0..dataRows-1 are data, zeros follow up to a multiple of `width`; afterwards rows 0..parityRows-1 are parity.
 * Every block of `width` (a power of two from parityRows) is transformed back at its own offset, the sum forward at 0.
 */
export function encode(
  work: usize, stride: usize, span: usize, tile: usize, dataRows: usize, parityRows: usize, width: usize, skew: usize,
): void {
  for (let column: usize = 0; column < span; column += tile) {
    const length = min(tile, span - column)
    const base = work + column
    for (let first: usize = 0; first < dataRows; first += width) {
      const block = base + first * stride
      inverse(block, stride, length, width, min(width, dataRows - first), skew + TABLE * (first + width))
      if (first > 0) for (let r: usize = 0; r < width; r++) add(base + r * stride, block + r * stride, length)
    }
    forward(base, stride, length, width, parityRows, skew)
  }
}

/** Transform back, formal derivative, transform forward over `width` rows, of which those from `end` are zero. */
export function decode(
  work: usize, stride: usize, span: usize, tile: usize, width: usize, end: usize, skew: usize,
): void {
  for (let column: usize = 0; column < span; column += tile) {
    const length = min(tile, span - column)
    const base = work + column
    inverse(base, stride, length, width, end, skew)
    for (let i: usize = 1; i < width; i++) {
      const half: usize = <usize>1 << ctz(i)
      for (let r: usize = 0; r < half; r++) add(base + (i - half + r) * stride, base + (i + r) * stride, length)
    }
    forward(base, stride, length, width, end, skew)
  }
}

function inverse(work: usize, stride: usize, length: usize, width: usize, filled: usize, skew: usize): void {
  for (let distance: usize = 1; distance < width; distance <<= 1) {
    for (let start: usize = 0; start < filled; start += distance << 1) {
      const table = skew + TABLE * (start + distance - 1)
      for (let i = start; i < start + distance; i++) {
        butterflyBack(work + i * stride, work + (i + distance) * stride, length, table)
      }
    }
  }
}

function forward(work: usize, stride: usize, length: usize, width: usize, wanted: usize, skew: usize): void {
  for (let distance = width >> 1; distance > 0; distance >>= 1) {
    for (let start: usize = 0; start < wanted; start += distance << 1) {
      const table = skew + TABLE * (start + distance - 1)
      for (let i = start; i < start + distance; i++) {
        butterflyForth(work + i * stride, work + (i + distance) * stride, length, table)
      }
    }
  }
}

export function add(target: usize, source: usize, length: usize): void {
  for (let end = target + length; target < end; target += 32, source += 32) {
    v128.store(target, v128.xor(v128.load(target), v128.load(source)))
    v128.store(target, v128.xor(v128.load(target, 16), v128.load(source, 16)), 16)
  }
}

/** target += factor * source */
export function multiplyAdd(target: usize, source: usize, length: usize, table: usize): void {
  const t0 = v128.load(table), t1 = v128.load(table, 16), t2 = v128.load(table, 32), t3 = v128.load(table, 48)
  const t4 = v128.load(table, 64), t5 = v128.load(table, 80), t6 = v128.load(table, 96), t7 = v128.load(table, 112)
  for (let end = target + length; target < end; target += CHUNK, source += CHUNK) {
    for (let half: usize = 0; half < 32; half += 16) {
      const low = v128.load(source + half)
      const high = v128.load(source + half, 32)
      const n0 = lowNibbles(low), n1 = highNibbles(low), n2 = lowNibbles(high), n3 = highNibbles(high)
      const pl = sum4(lookUp(t0, n0), lookUp(t1, n1), lookUp(t2, n2), lookUp(t3, n3))
      const ph = sum4(lookUp(t4, n0), lookUp(t5, n1), lookUp(t6, n2), lookUp(t7, n3))
      v128.store(target + half, v128.xor(v128.load(target + half), pl))
      v128.store(target + half, v128.xor(v128.load(target + half, 32), ph), 32)
    }
  }
}

/** row *= factor */
export function scale(row: usize, length: usize, table: usize): void {
  const t0 = v128.load(table), t1 = v128.load(table, 16), t2 = v128.load(table, 32), t3 = v128.load(table, 48)
  const t4 = v128.load(table, 64), t5 = v128.load(table, 80), t6 = v128.load(table, 96), t7 = v128.load(table, 112)
  for (let end = row + length; row < end; row += CHUNK) {
    for (let half: usize = 0; half < 32; half += 16) {
      const low = v128.load(row + half)
      const high = v128.load(row + half, 32)
      const n0 = lowNibbles(low), n1 = highNibbles(low), n2 = lowNibbles(high), n3 = highNibbles(high)
      v128.store(row + half, sum4(lookUp(t0, n0), lookUp(t1, n1), lookUp(t2, n2), lookUp(t3, n3)))
      v128.store(row + half, sum4(lookUp(t4, n0), lookUp(t5, n1), lookUp(t6, n2), lookUp(t7, n3)), 32)
    }
  }
}

/** y += x; x += factor * y */
function butterflyBack(x: usize, y: usize, length: usize, table: usize): void {
  if (isZero(table)) {
    add(y, x, length)
    return
  }
  const t0 = v128.load(table), t1 = v128.load(table, 16), t2 = v128.load(table, 32), t3 = v128.load(table, 48)
  const t4 = v128.load(table, 64), t5 = v128.load(table, 80), t6 = v128.load(table, 96), t7 = v128.load(table, 112)
  for (let end = x + length; x < end; x += CHUNK, y += CHUNK) {
    for (let half: usize = 0; half < 32; half += 16) {
      const xLow = v128.load(x + half)
      const xHigh = v128.load(x + half, 32)
      const low = v128.xor(v128.load(y + half), xLow)
      const high = v128.xor(v128.load(y + half, 32), xHigh)
      v128.store(y + half, low)
      v128.store(y + half, high, 32)
      const n0 = lowNibbles(low), n1 = highNibbles(low), n2 = lowNibbles(high), n3 = highNibbles(high)
      const pl = sum4(lookUp(t0, n0), lookUp(t1, n1), lookUp(t2, n2), lookUp(t3, n3))
      const ph = sum4(lookUp(t4, n0), lookUp(t5, n1), lookUp(t6, n2), lookUp(t7, n3))
      v128.store(x + half, v128.xor(xLow, pl))
      v128.store(x + half, v128.xor(xHigh, ph), 32)
    }
  }
}

/** x += factor * y; y += x */
function butterflyForth(x: usize, y: usize, length: usize, table: usize): void {
  if (isZero(table)) {
    add(y, x, length)
    return
  }
  const t0 = v128.load(table), t1 = v128.load(table, 16), t2 = v128.load(table, 32), t3 = v128.load(table, 48)
  const t4 = v128.load(table, 64), t5 = v128.load(table, 80), t6 = v128.load(table, 96), t7 = v128.load(table, 112)
  for (let end = x + length; x < end; x += CHUNK, y += CHUNK) {
    for (let half: usize = 0; half < 32; half += 16) {
      const low = v128.load(y + half)
      const high = v128.load(y + half, 32)
      const n0 = lowNibbles(low), n1 = highNibbles(low), n2 = lowNibbles(high), n3 = highNibbles(high)
      const pl = sum4(lookUp(t0, n0), lookUp(t1, n1), lookUp(t2, n2), lookUp(t3, n3))
      const ph = sum4(lookUp(t4, n0), lookUp(t5, n1), lookUp(t6, n2), lookUp(t7, n3))
      const xLow = v128.xor(v128.load(x + half), pl)
      const xHigh = v128.xor(v128.load(x + half, 32), ph)
      v128.store(x + half, xLow)
      v128.store(x + half, xHigh, 32)
      v128.store(y + half, v128.xor(low, xLow))
      v128.store(y + half, v128.xor(high, xHigh), 32)
    }
  }
}
