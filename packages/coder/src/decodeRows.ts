/** Rebuilds lost rows from any k others. Spec: coding §3. */
import { WeightlessError } from '@weightless/codec'
import { type CodeShape, requireShape } from './codeShape.ts'
import { slowDecode } from './testing/slowCode.ts'

/**
 * The rows in `wanted`, data or parity, each of `rowBytes`, from any k of the k + m rows. It believes the rows that it
 * is given: check each with `checkRow` before.
 * @param rows k + m, `undefined` = lost; shorter data rows count as filled up with zeros
 * @throws {TooFewRowsError} with fewer than k rows
 * @throws {CodeShapeInvalidError}
 */
export function decodeRows(
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
  wanted: readonly number[],
): Uint8Array[] {
  requireShape(shape, rowBytes)
  const presentRows = rows.reduce((count, row) => count + (row ? 1 : 0), 0)
  if (presentRows < shape.dataRows) throw new TooFewRowsError({ presentRows, dataRows: shape.dataRows })
  return slowDecode(shape, rows, rowBytes, wanted)
}

export class TooFewRowsError extends WeightlessError {
  constructor(facts: { presentRows: number; dataRows: number }) {
    super('coder/too-few-rows', 'Fewer rows are there than the code needs.', facts, {
      hint: 'Ask more holders; any dataRows of the rows are enough.',
    })
  }
}
