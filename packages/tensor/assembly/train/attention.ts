// Causal attention of one whole row of tokens, forward and backward, per query head (spec/training.md §3). Probabilities are made anew,
// 64 queries at a time, so memory grows with the length alone. Sums over queries are folds in runs of 256.
import { exp4 } from '../engine/exponential'
import { multiplyPanels, outerStretch } from './gemm'
import { packColumns, packLanes } from './panel'

const RUN: i32 = 256
const QUERIES: i32 = 64

/**
 * The task, in u32 words: 0 q, 1 k, 2 v, 3 their stride, 4 out, 5 its stride, 6 length, 7 heads that share a key head, 8 head size, 9 1 ÷ √size (f32),
 * 10 gradient of out, 11 gradient of q, 12 of k, 13 of v (stride of out, one per query head). Rows have three spare rows behind them.
 */
// @ts-ignore: decorator
@inline
function word(task: usize, index: usize): usize {
  return <usize>load<u32>(task + (index << 2))
}

/** Scratch bytes for one thread: 5 × (length + 8) × size × 4 + 2 × 64 × (length + 8) × 4. */
export function attendRow(task: usize, head: i32, count: i32, scratch: usize): void {
  const stride = <i32>word(task, 3)
  const outStride = <i32>word(task, 5)
  const length = <i32>word(task, 6)
  const size = <i32>word(task, 8)
  const factor = load<f32>(task, 36)
  const even = (length + 7) & ~7
  const keyPanels = scratch
  const valuePanels = keyPanels + <usize>(even * size << 2)
  const scores = valuePanels + <usize>(even * size << 2)
  for (const last = head + count; head < last; head++) {
    const keyAt = <usize>((head / <i32>word(task, 7)) * size << 2)
    const at = <usize>(head * size << 2)
    packLanes(word(task, 1) + keyAt, stride, length, size, keyPanels)
    packColumns(word(task, 2) + keyAt, stride, length, size, valuePanels)
    for (let t = 0; t < length; t += QUERIES) {
      const queries = min(QUERIES, length - t)
      const rows = (queries + 3) & ~3
      const seen = (t + queries + 7) & ~7
      const out = word(task, 4) + <usize>(t * outStride) + at
      multiplyPanels(keyPanels, <usize>(size << 5), word(task, 0) + <usize>(t * stride) + at, stride, scores, seen << 2, seen, size, rows)
      for (let i = 0; i < rows; i++) {
        const row = scores + <usize>(i * seen << 2)
        const total = softenRow(row, i < queries ? t + i + 1 : 1, seen, factor)
        store<f32>(scores + <usize>(rows * seen + i << 2), total)
      }
      multiplyPanels(valuePanels, <usize>(length << 5), scores, seen << 2, out, outStride, size, min(seen, length), rows)
      for (let i = 0; i < rows; i++) divideRow(out + <usize>(i * outStride), size, load<f32>(scores + <usize>(rows * seen + i << 2)))
    }
  }
}

/** Scores to exp(score × factor − greatest) over the first `length`, zero up to `padded`; returns their fold. */
export function softenRow(row: usize, length: i32, padded: i32, factor: f32): f32 {
  const scale = f32x4.splat(factor)
  let top: f32 = load<f32>(row) * factor
  for (let i = 0; i < length; i++) {
    const value = load<f32>(row + <usize>(i << 2)) * factor
    if (value > top) top = value
  }
  const highest = f32x4.splat(top)
  for (let i = 0; i < padded; i += 4) {
    const at = row + <usize>(i << 2)
    v128.store(at, exp4(f32x4.sub(f32x4.mul(v128.load(at), scale), highest)))
  }
  for (let i = length; i < padded; i++) store<f32>(row + <usize>(i << 2), 0)
  let total: f32 = 0
  for (let start = 0; start < length; start += RUN) {
    let sum: f32 = 0
    for (let i = start; i < min(start + RUN, length); i++) sum += load<f32>(row + <usize>(i << 2))
    total += sum
  }
  return total
}

export function divideRow(row: usize, n: i32, divisor: f32): void {
  const d = f32x4.splat(divisor)
  for (let i = 0; i < n; i += 4) v128.store(row + <usize>(i << 2), f32x4.div(v128.load(row + <usize>(i << 2)), d))
}

/**
 * dV_j = Σ_t p_tj·dout_t; with dp_tj = Σ_d dout_td·v_jd and e_t = Σ_j p_tj·dp_tj: ds_tj = (p_tj·(dp_tj − e_t))·factor;
 * dq_t = Σ_j ds_tj·k_j; dK_j = Σ_t ds_tj·q_t.
 */
export function attendRowBack(task: usize, head: i32, count: i32, scratch: usize): void {
  const stride = <i32>word(task, 3)
  const outStride = <i32>word(task, 5)
  const length = <i32>word(task, 6)
  const size = <i32>word(task, 8)
  const factor = load<f32>(task, 36)
  const even = (length + 7) & ~7
  const unit = <usize>(even * size << 2)
  const keyLanes = scratch
  const valueLanes = scratch + unit
  const keyColumns = scratch + unit * 2
  const keyRun = scratch + unit * 3
  const valueRun = scratch + unit * 4
  const scores = scratch + unit * 5
  for (const last = head + count; head < last; head++) {
    const keyAt = <usize>((head / <i32>word(task, 7)) * size << 2)
    const at = <usize>(head * size << 2)
    packLanes(word(task, 1) + keyAt, stride, length, size, keyLanes)
    packLanes(word(task, 2) + keyAt, stride, length, size, valueLanes)
    packColumns(word(task, 1) + keyAt, stride, length, size, keyColumns)
    for (let t = 0; t < length; t += QUERIES) {
      if (t % RUN == 0) memory.fill(keyRun, 0, unit * 2)
      const queries = min(QUERIES, length - t)
      const rows = (queries + 3) & ~3
      const seen = (t + queries + 7) & ~7
      const slopes = scores + <usize>(rows * seen << 2)
      const q = word(task, 0) + <usize>(t * stride) + at
      const outer = word(task, 10) + <usize>(t * outStride) + at
      multiplyPanels(keyLanes, <usize>(size << 5), q, stride, scores, seen << 2, seen, size, rows)
      multiplyPanels(valueLanes, <usize>(size << 5), outer, outStride, slopes, seen << 2, seen, size, rows)
      for (let i = 0; i < rows; i++) slopeRow(scores + <usize>(i * seen << 2), slopes + <usize>(i * seen << 2), i < queries ? t + i + 1 : 1, seen, factor)
      multiplyPanels(keyColumns, <usize>(length << 5), slopes, seen << 2, word(task, 11) + <usize>(t * outStride) + at, outStride, size, min(seen, length), rows)
      outerStretch(slopes, seen << 2, q, stride, keyRun, size << 2, seen, size, queries)
      outerStretch(scores, seen << 2, outer, outStride, valueRun, size << 2, seen, size, queries)
      if ((t + QUERIES) % RUN == 0 || t + QUERIES >= length) {
        closeRun(keyRun, word(task, 12) + at, outStride, size, length, t < RUN)
        closeRun(valueRun, word(task, 13) + at, outStride, size, length, t < RUN)
      }
    }
  }
}

/** Scores become probabilities; `d`, the gradient of those, becomes that of the unscaled scores. */
function slopeRow(row: usize, d: usize, length: i32, padded: i32, factor: f32): void {
  const total = softenRow(row, length, padded, factor)
  divideRow(row, padded, total)
  let mean: f32 = 0
  for (let start = 0; start < length; start += RUN) {
    let sum: f32 = 0
    for (let i = start; i < min(start + RUN, length); i++) sum += load<f32>(row + <usize>(i << 2)) * load<f32>(d + <usize>(i << 2))
    mean += sum
  }
  const middle = f32x4.splat(mean)
  const scale = f32x4.splat(factor)
  for (let i = 0; i < padded; i += 4) {
    const at = <usize>(i << 2)
    v128.store(d + at, f32x4.mul(f32x4.mul(v128.load(row + at), f32x4.sub(v128.load(d + at), middle)), scale))
  }
}

function closeRun(run: usize, out: usize, outStride: i32, size: i32, length: i32, fresh: bool): void {
  for (let j = 0; j < length; j++) {
    for (let d = 0; d < size; d += 4) {
      const at = out + <usize>(d << 2)
      const value = v128.load(run + <usize>(d << 2))
      v128.store(at, fresh ? value : f32x4.add(v128.load(at), value))
    }
    run += <usize>(size << 2)
    out += <usize>outStride
  }
}

/** Gradients of a key head: the heads that share it, added in order. `from` has heads × size values a position, `to` stride bytes. */
export function sumHeads(from: usize, fromStride: i32, to: usize, toStride: i32, keyHeads: i32, share: i32, size: i32, positions: i32): void {
  for (; positions > 0; positions--) {
    for (let head = 0; head < keyHeads; head++) {
      for (let d = 0; d < size; d += 4) {
        let at = from + <usize>((head * share * size + d) << 2)
        let sum = v128.load(at)
        for (let i = 1; i < share; i++) {
          at += <usize>(size << 2)
          sum = f32x4.add(sum, v128.load(at))
        }
        v128.store(to + <usize>((head * size + d) << 2), sum)
      }
    }
    from += <usize>fromStride
    to += <usize>toStride
  }
}
