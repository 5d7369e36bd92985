/** Makes the parity rows of a stripe. Spec: coding §2. */

import { suitsEngine } from './coderEngine.ts'
import { type Coder, currentCoder, workAt } from './coderKernel.ts'
import { type CodeShape, powerOfTwoFrom, requireShape } from './codeShape.ts'
import { type Factors, factorsOf, multiplyRows } from './multiplyRows.ts'
import { parityMatrix } from './parityMatrix.ts'
import { fillSlot, planBlocks, takeSlot } from './rowBlocks.ts'

/**
 * The m parity rows of `rowBytes` (a multiple of 64) each, every one in a buffer of its own.
 * @param rows k data rows; shorter ones and `undefined` count as filled up with zeros. k = 1: parity rows are copies.
 * @throws {CodeShapeInvalidError}
 */
export function encodeRows(
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
): Uint8Array[] {
  return encodeRowsOn(currentCoder(), shape, rows, rowBytes)
}

export function encodeRowsOn(
  coder: Coder,
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
): Uint8Array[] {
  requireShape(shape, rowBytes)
  const { dataRows, parityRows } = shape
  if (dataRows > 1 && coder.engine && suitsEngine(dataRows, parityRows)) {
    const data = Array.from({ length: dataRows }, (_, r) => rows[r])
    return multiplyRows(coder, parityFactors(shape), data, rowBytes)
  }
  const parity = Array.from({ length: parityRows }, () => new Uint8Array(rowBytes))
  if (dataRows === 1) {
    for (const row of parity) if (rows[0]) row.set(rows[0])
    return parity
  }
  if (parityRows === 0) return parity
  const width = powerOfTwoFrom(parityRows)
  const slots = Math.ceil(dataRows / width) * width
  const { kernel } = coder
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

const knownMax = 16
const known = new Map<string, Factors>()

/** Kept for the shapes used last: a file's stripes all have one. */
function parityFactors(shape: CodeShape): Factors {
  const key = `${shape.dataRows}+${shape.parityRows}`
  let factors = known.get(key)
  if (!factors) {
    factors = factorsOf(parityMatrix(shape))
    if (known.size >= knownMax) known.delete(known.keys().next().value!)
    known.set(key, factors)
  }
  return factors
}
