// Attention of one whole text in which every position sees all others (spec/tensor.md §10.3).
import { divideRow, softenRow } from '../train/attention'
import { multiplyPanels } from '../train/gemm'
import { packColumns, packLanes } from '../train/panel'

const QUERIES: i32 = 64

/**
 * `qkv` has queries, keys and values of `heads` × `size` (a multiple of 8) side by side at each position, `out` the mixed values. Both have three spare rows
 * behind the text. Scratch bytes: 2 × (length + 8) × size × 4 + 68 × (length + 8) × 4.
 */
export function attendWhole(qkv: usize, out: usize, length: i32, heads: i32, size: i32, factor: f32, scratch: usize): void {
  const width = heads * size
  const stride = width * 12
  const outStride = width << 2
  const even = (length + 7) & ~7
  const keyPanels = scratch
  const valuePanels = keyPanels + <usize>(even * size << 2)
  const scores = valuePanels + <usize>(even * size << 2)
  for (let head = 0; head < heads; head++) {
    const at = <usize>(head * size << 2)
    packLanes(qkv + <usize>(width << 2) + at, stride, length, size, keyPanels)
    packColumns(qkv + <usize>(width << 3) + at, stride, length, size, valuePanels)
    for (let t = 0; t < length; t += QUERIES) {
      const rows = (min(QUERIES, length - t) + 3) & ~3
      const to = out + <usize>(t * outStride) + at
      const sums = scores + <usize>(rows * even << 2)
      multiplyPanels(keyPanels, <usize>(size << 5), qkv + <usize>(t * stride) + at, stride, scores, even << 2, even, size, rows)
      for (let i = 0; i < rows; i++) store<f32>(sums + <usize>(i << 2), softenRow(scores + <usize>(i * even << 2), length, even, factor))
      multiplyPanels(valuePanels, <usize>(length << 5), scores, even << 2, to, outStride, size, length, rows)
      for (let i = 0; i < rows; i++) divideRow(to + <usize>(i * outStride), size, load<f32>(sums + <usize>(i << 2)))
    }
  }
}
