/** Makes the parity rows of a stripe. Spec: coding §2. */

import { type CoderKernel, loadCoderKernel, workAt } from './coderKernel.ts'
import { type CodeShape, powerOfTwoFrom, requireShape } from './codeShape.ts'
import { fillSlot, planBlocks, takeSlot } from './rowBlocks.ts'

/**
 * The m parity rows of `rowBytes` (a multiple of 64) each.
 * @param rows k data rows; shorter ones and `undefined` count as filled up with zeros. k = 1: parity rows are copies.
 * @throws {CodeShapeInvalidError}
 */
export function encodeRows(
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
): Uint8Array[] {
  return encodeRowsOn(loadCoderKernel(), shape, rows, rowBytes)
}

export function encodeRowsOn(
  kernel: CoderKernel,
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
): Uint8Array[] {
  requireShape(shape, rowBytes)
  const { dataRows, parityRows } = shape
  const parity = Array.from({ length: parityRows }, () => new Uint8Array(rowBytes))
  if (dataRows === 1) {
    for (const row of parity) if (rows[0]) row.set(rows[0])
    return parity
  }
  if (parityRows === 0) return parity
  const width = powerOfTwoFrom(parityRows)
  const slots = Math.ceil(dataRows / width) * width
  const skew = kernel.skewAt(slots + width)
  const plan = planBlocks(slots, rowBytes)
  for (let column = 0; column < rowBytes; column += plan.span) {
    const length = Math.min(plan.span, rowBytes - column)
    for (let r = 0; r < slots; r++) fillSlot(kernel, plan, r, rows[r], column, length)
    kernel.calls.encode(workAt, plan.span, length, plan.tile, dataRows, parityRows, width, skew)
    for (const [p, row] of parity.entries()) takeSlot(kernel, plan, p, row, column, length)
  }
  return parity
}
