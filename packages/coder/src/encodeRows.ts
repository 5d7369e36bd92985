/** Makes the parity rows of a stripe. Spec: coding §2. */
import { type CodeShape, requireShape } from './codeShape.ts'
import { slowEncode } from './testing/slowCode.ts'

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
  requireShape(shape, rowBytes)
  return slowEncode(shape, rows, rowBytes)
}
