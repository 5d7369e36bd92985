/** Recovery by the solved matrix: one multiply-add for each present and wanted row. Spec: coding §3. */

import { type CoderKernel, factorBytes, factorsAt, workAt } from './coderKernel.ts'
import type { CodeShape } from './codeShape.ts'
import { logOf } from './field.ts'
import { fillSlot, planBlocks, takeSlot } from './rowBlocks.ts'
import { solveLoss } from './solveLoss.ts'

/** @param present rows that are there, ascending, at least k; @param lost the rows to make, none of them there */
export function recoverBySolving(
  kernel: CoderKernel,
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
  present: readonly number[],
  lost: readonly number[],
): Uint8Array[] {
  const { sources, factors } = solveLoss(shape, present, lost)
  for (const [w, row] of factors.entries()) {
    for (const [s, factor] of row.entries()) {
      kernel.writeFactor(factorsAt + factorBytes * (w * sources.length + s), logOf(factor))
    }
  }
  const recovered = lost.map(() => new Uint8Array(rowBytes))
  const plan = planBlocks(sources.length + lost.length, rowBytes)
  for (let column = 0; column < rowBytes; column += plan.span) {
    const length = Math.min(plan.span, rowBytes - column)
    for (const [s, r] of sources.entries()) fillSlot(kernel, plan, s, rows[r], column, length)
    for (let w = 0; w < lost.length; w++) fillSlot(kernel, plan, sources.length + w, undefined, column, length)
    for (let at = 0; at < length; at += plan.tile) {
      const tile = Math.min(plan.tile, length - at)
      for (let w = 0; w < lost.length; w++) {
        const target = workAt + plan.span * (sources.length + w) + at
        for (let s = 0; s < sources.length; s++) {
          const factor = factorsAt + factorBytes * (w * sources.length + s)
          kernel.calls.multiplyAdd(target, workAt + plan.span * s + at, tile, factor)
        }
      }
    }
    for (const [w, row] of recovered.entries()) takeSlot(kernel, plan, sources.length + w, row, column, length)
  }
  return recovered
}
