// Products of many positions with one matrix, forward and transposed. Every output is a fold in runs of 256 (spec/tensor.md §3.1),
// alike for any grouping of positions. Positions go four at a time; buffers hold a multiple of four.
import { packedBytes } from '../engine/layout'
import { turnEight, widenBlock } from './panel'

const RUN: i32 = 256

/**
 * out[position][row] = Σ over columns of x[position][column] · W[row][column]. Strides in bytes. `panel`: 8 KiB.
 * `kind` 0 reads [groups][columns][8] f32 as it is.
 */
export function gemmRows(kind: i32, w: usize, x: usize, xStride: i32, out: usize, outStride: i32, groups: i32, columns: i32, positions: i32, panel: usize): void {
  const blockBytes: usize = kind == 0 ? 1024 : packedBytes(kind)
  const groupBytes = kind == 0 ? <usize>(columns << 5) : <usize>(columns >> 5) * blockBytes
  for (let group = 0; group < groups; group++) {
    for (let start = 0; start < columns; start += RUN) {
      const length = min(RUN, columns - start)
      const from = w + <usize>(start >> 5) * blockBytes
      let source = from
      if (kind != 0) {
        for (let block = 0; block < length >> 5; block++) widenBlock(kind, from + <usize>block * blockBytes, panel + <usize>(block << 10))
        source = panel
      }
      multiplyPanel(source, x + <usize>(start << 2), xStride, out + <usize>(group << 5), outStride, length, positions, start == 0)
    }
    w += groupBytes
  }
}

/**
 * out[position][column] = Σ over rows of y[position][row] · W[row][column], for `count` columns (a multiple of 8) from `first`
 * (a multiple of 32). `rows` counts groups' lanes, a multiple of 8; y beyond a matrix's own rows must be zero. `panel`: 40 KiB.
 */
export function gemmColumns(kind: i32, w: usize, y: usize, yStride: i32, out: usize, rows: i32, columns: i32, first: i32, count: i32, positions: i32, panel: usize): void {
  const blockBytes: usize = kind == 0 ? 1024 : packedBytes(kind)
  const groupBytes = kind == 0 ? <usize>(columns << 5) : <usize>(columns >> 5) * blockBytes
  const wide = panel + 32768
  const outStride = columns << 2
  for (let column = first; column < first + count; column += 32) {
    const width = min(32, first + count - column)
    for (let start = 0; start < rows; start += RUN) {
      const length = min(RUN, rows - start)
      for (let row = 0; row < length; row += 8) {
        const block = w + <usize>((start + row) >> 3) * groupBytes + <usize>(column >> 5) * blockBytes
        let source = block
        if (kind != 0) {
          widenBlock(kind, block, wide)
          source = wide
        }
        for (let part = 0; part < width; part += 8) turnEight(source + <usize>(part << 5), panel + <usize>((part << 10) + (row << 5)))
      }
      for (let part = 0; part < width; part += 8) {
        multiplyPanel(panel + <usize>(part << 10), y + <usize>(start << 2), yStride, out + <usize>((column + part) << 2), outStride, length, positions, start == 0)
      }
    }
  }
}

/** Sums over a whole panel set that lies ready, [k][8] per eight outputs: as gemmRows of kind 0, for the kernels of attention. */
export function multiplyPanels(panels: usize, panelBytes: usize, x: usize, xStride: i32, out: usize, outStride: i32, outputs: i32, length: i32, positions: i32): void {
  for (let output = 0; output < outputs; output += 8) {
    for (let start = 0; start < length; start += RUN) {
      multiplyPanel(panels + <usize>(start << 5), x + <usize>(start << 2), xStride, out + <usize>(output << 2), outStride, min(RUN, length - start), positions, start == 0)
    }
    panels += panelBytes
  }
}

/** One run: eight outputs for all positions, written when `fresh`, else added as one more run. */
function multiplyPanel(panel: usize, x: usize, xStride: i32, out: usize, outStride: i32, length: i32, positions: i32, fresh: bool): void {
  for (let position = 0; position < positions; position += 4) {
    const x1 = x + <usize>xStride
    const x2 = x1 + <usize>xStride
    const x3 = x2 + <usize>xStride
    let a0 = f32x4.splat(0)
    let a1 = f32x4.splat(0)
    let b0 = f32x4.splat(0)
    let b1 = f32x4.splat(0)
    let c0 = f32x4.splat(0)
    let c1 = f32x4.splat(0)
    let d0 = f32x4.splat(0)
    let d1 = f32x4.splat(0)
    let p = panel
    const end = <usize>(length << 2)
    for (let k: usize = 0; k < end; k += 4) {
      const w0 = v128.load(p)
      const w1 = v128.load(p, 16)
      let v = v128.load32_splat(x + k)
      a0 = f32x4.add(a0, f32x4.mul(v, w0))
      a1 = f32x4.add(a1, f32x4.mul(v, w1))
      v = v128.load32_splat(x1 + k)
      b0 = f32x4.add(b0, f32x4.mul(v, w0))
      b1 = f32x4.add(b1, f32x4.mul(v, w1))
      v = v128.load32_splat(x2 + k)
      c0 = f32x4.add(c0, f32x4.mul(v, w0))
      c1 = f32x4.add(c1, f32x4.mul(v, w1))
      v = v128.load32_splat(x3 + k)
      d0 = f32x4.add(d0, f32x4.mul(v, w0))
      d1 = f32x4.add(d1, f32x4.mul(v, w1))
      p += 32
    }
    const o1 = out + <usize>outStride
    const o2 = o1 + <usize>outStride
    const o3 = o2 + <usize>outStride
    close(out, a0, a1, fresh)
    close(o1, b0, b1, fresh)
    close(o2, c0, c1, fresh)
    close(o3, d0, d1, fresh)
    x = x3 + <usize>xStride
    out = o3 + <usize>outStride
  }
}

// @ts-ignore: decorator
@inline
function close(out: usize, v0: v128, v1: v128, fresh: bool): void {
  v128.store(out, fresh ? v0 : f32x4.add(v128.load(out), v0))
  v128.store(out, fresh ? v1 : f32x4.add(v128.load(out, 16), v1), 16)
}

/**
 * out[m][n] = out[m][n] + Σ over positions of left[position][m] · right[position][n], the sum a fold in runs of 256 positions: the
 * gradient of a matrix from one row of tokens. rows: m, a multiple of 4; columns: n, a multiple of 8; strides in bytes.
 */
export function gradientOuter(left: usize, leftStride: i32, right: usize, rightStride: i32, out: usize, outStride: i32, rows: i32, columns: i32, positions: i32): void {
  for (let m = 0; m < rows; m += 4) {
    for (let n = 0; n < columns; n += 8) {
      outerTile(left + <usize>(m << 2), leftStride, right + <usize>(n << 2), rightStride, out + <usize>(m * outStride + (n << 2)), outStride, positions)
    }
  }
}

function outerTile(left: usize, leftStride: i32, right: usize, rightStride: i32, out: usize, outStride: i32, positions: i32): void {
  let t0 = f32x4.splat(0), t1 = f32x4.splat(0), t2 = f32x4.splat(0), t3 = f32x4.splat(0)
  let t4 = f32x4.splat(0), t5 = f32x4.splat(0), t6 = f32x4.splat(0), t7 = f32x4.splat(0)
  for (let start = 0; start < positions; start += RUN) {
    let a0 = f32x4.splat(0), a1 = f32x4.splat(0), b0 = f32x4.splat(0), b1 = f32x4.splat(0)
    let c0 = f32x4.splat(0), c1 = f32x4.splat(0), d0 = f32x4.splat(0), d1 = f32x4.splat(0)
    for (let end = min(RUN, positions - start); end > 0; end--) {
      const w0 = v128.load(right)
      const w1 = v128.load(right, 16)
      let v = v128.load32_splat(left)
      a0 = f32x4.add(a0, f32x4.mul(v, w0))
      a1 = f32x4.add(a1, f32x4.mul(v, w1))
      v = v128.load32_splat(left, 4)
      b0 = f32x4.add(b0, f32x4.mul(v, w0))
      b1 = f32x4.add(b1, f32x4.mul(v, w1))
      v = v128.load32_splat(left, 8)
      c0 = f32x4.add(c0, f32x4.mul(v, w0))
      c1 = f32x4.add(c1, f32x4.mul(v, w1))
      v = v128.load32_splat(left, 12)
      d0 = f32x4.add(d0, f32x4.mul(v, w0))
      d1 = f32x4.add(d1, f32x4.mul(v, w1))
      left += <usize>leftStride
      right += <usize>rightStride
    }
    t0 = f32x4.add(t0, a0)
    t1 = f32x4.add(t1, a1)
    t2 = f32x4.add(t2, b0)
    t3 = f32x4.add(t3, b1)
    t4 = f32x4.add(t4, c0)
    t5 = f32x4.add(t5, c1)
    t6 = f32x4.add(t6, d0)
    t7 = f32x4.add(t7, d1)
  }
  close(out, t0, t1, false)
  close(out + <usize>outStride, t2, t3, false)
  close(out + <usize>(outStride * 2), t4, t5, false)
  close(out + <usize>(outStride * 3), t6, t7, false)
}

/** As one stretch of a run: out[m][n] continues the sequential sum of earlier stretches. */
export function outerStretch(left: usize, leftStride: i32, right: usize, rightStride: i32, out: usize, outStride: i32, rows: i32, columns: i32, positions: i32): void {
  for (let m = 0; m < rows; m += 4) {
    for (let n = 0; n < columns; n += 8) {
      stretchTile(left + <usize>(m << 2), leftStride, right + <usize>(n << 2), rightStride, out + <usize>(m * outStride + (n << 2)), outStride, positions)
    }
  }
}

function stretchTile(left: usize, leftStride: i32, right: usize, rightStride: i32, out: usize, outStride: i32, positions: i32): void {
  const o1 = out + <usize>outStride
  const o2 = o1 + <usize>outStride
  const o3 = o2 + <usize>outStride
  let a0 = v128.load(out), a1 = v128.load(out, 16), b0 = v128.load(o1), b1 = v128.load(o1, 16)
  let c0 = v128.load(o2), c1 = v128.load(o2, 16), d0 = v128.load(o3), d1 = v128.load(o3, 16)
  for (; positions > 0; positions--) {
    const w0 = v128.load(right)
    const w1 = v128.load(right, 16)
    let v = v128.load32_splat(left)
    a0 = f32x4.add(a0, f32x4.mul(v, w0))
    a1 = f32x4.add(a1, f32x4.mul(v, w1))
    v = v128.load32_splat(left, 4)
    b0 = f32x4.add(b0, f32x4.mul(v, w0))
    b1 = f32x4.add(b1, f32x4.mul(v, w1))
    v = v128.load32_splat(left, 8)
    c0 = f32x4.add(c0, f32x4.mul(v, w0))
    c1 = f32x4.add(c1, f32x4.mul(v, w1))
    v = v128.load32_splat(left, 12)
    d0 = f32x4.add(d0, f32x4.mul(v, w0))
    d1 = f32x4.add(d1, f32x4.mul(v, w1))
    left += <usize>leftStride
    right += <usize>rightStride
  }
  v128.store(out, a0)
  v128.store(out, a1, 16)
  v128.store(o1, b0)
  v128.store(o1, b1, 16)
  v128.store(o2, c0)
  v128.store(o2, c1, 16)
  v128.store(o3, d0)
  v128.store(o3, d1, 16)
}
