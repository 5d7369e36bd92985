/** Cuts rows into blocks of columns that fit the kernel's memory, and moves them in and out. Spec: coding §2. */
import { type CoderKernel, workAt, workBytes } from './coderKernel.ts'

/** `span` columns of each row at a time; the transform goes through them `tile` at a time. */
export type BlockPlan = { span: number; tile: number }

const cacheBytes = 768 * 1024
const tileBytesMax = 1024

/** Odd multiples, so that the same column of neighbouring rows does not fall into the same cache sets. */
export function planBlocks(rows: number, rowBytes: number): BlockPlan {
  const budget = rows > 256 ? workBytes : cacheBytes
  const most = Math.max(64, Math.floor(budget / rows / 64) * 64)
  const unit = most >= 3 * tileBytesMax ? tileBytesMax : 64
  const units = Math.floor(most / unit)
  const span = Math.min(rowBytes, unit * (units % 2 === 0 ? units - 1 || 1 : units))
  const tile = Math.max(64, Math.min(tileBytesMax, Math.floor(cacheBytes / rows / 64) * 64))
  return { span, tile }
}

/** Copies columns of a row to slot `slot`; what the row lacks is zeros. */
export function fillSlot(
  kernel: CoderKernel,
  plan: BlockPlan,
  slot: number,
  row: Uint8Array | undefined,
  column: number,
  length: number,
): void {
  const at = workAt + plan.span * slot
  const bytes = kernel.bytes()
  const there = row ? Math.max(0, Math.min(length, row.length - column)) : 0
  if (there > 0) bytes.set(row!.subarray(column, column + there), at)
  if (there < length) bytes.fill(0, at + there, at + length)
}

export function takeSlot(
  kernel: CoderKernel,
  plan: BlockPlan,
  slot: number,
  row: Uint8Array,
  column: number,
  length: number,
): void {
  const at = workAt + plan.span * slot
  row.set(kernel.bytes().subarray(at, at + length), column)
}
