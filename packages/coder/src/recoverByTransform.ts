/**
 * Recovery by transforms, for large codes: present rows times the erasure locator, transformed back, derived, transformed
 * forward, divided by the locator's derivative at the lost points. Spec: coding §3.
 */

import { type CoderKernel, factorBytes, factorsAt, workAt } from './coderKernel.ts'
import { type CodeShape, powerOfTwoFrom } from './codeShape.ts'
import { fieldModulus, fieldOrder } from './field.ts'
import { locateErasures } from './locateErasures.ts'
import { fillSlot, planBlocks, takeSlot } from './rowBlocks.ts'

/** @param lost the rows to make, none of them there */
export function recoverByTransform(
  kernel: CoderKernel,
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
  lost: readonly number[],
): Uint8Array[] {
  const { dataRows, parityRows } = shape
  const parityWidth = powerOfTwoFrom(parityRows)
  const end = parityWidth + dataRows
  const width = powerOfTwoFrom(end)
  // Parity has the points from 0, data those after it.
  const rowAt = (point: number) => (point < parityRows ? rows[dataRows + point] : rows[point - parityWidth])
  const isThere = (point: number) => (point < parityRows || point >= parityWidth) && rowAt(point) !== undefined
  const pointOf = (row: number) => (row < dataRows ? parityWidth + row : row - dataRows)
  const erased = new Uint8Array(fieldOrder)
  for (let point = 0; point < end; point++) if (!isThere(point)) erased[point] = 1
  const locator = locateErasures(erased)
  for (let point = 0; point < end; point++) {
    const log = isThere(point) ? locator[point]! : (fieldModulus - locator[point]!) % fieldModulus
    kernel.writeFactor(factorsAt + factorBytes * point, log % fieldModulus)
  }
  const skew = kernel.skewAt(width)
  const recovered = lost.map(() => new Uint8Array(rowBytes))
  const plan = planBlocks(width, rowBytes)
  for (let column = 0; column < rowBytes; column += plan.span) {
    const length = Math.min(plan.span, rowBytes - column)
    const scale = (point: number) =>
      kernel.calls.scale(workAt + plan.span * point, length, factorsAt + factorBytes * point)
    for (let point = 0; point < width; point++) {
      const row = point < end && isThere(point) ? rowAt(point) : undefined
      fillSlot(kernel, plan, point, row, column, length)
      if (row) scale(point)
    }
    kernel.calls.decode(workAt, plan.span, length, plan.tile, width, end, skew)
    for (const [i, row] of lost.entries()) {
      scale(pointOf(row))
      takeSlot(kernel, plan, pointOf(row), recovered[i]!, column, length)
    }
  }
  return recovered
}
