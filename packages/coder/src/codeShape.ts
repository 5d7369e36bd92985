/** How many rows a stripe has, and which numbers the code can do. Spec: coding §2. */
import { accept, reject, type Verdict, WeightlessError } from '@weightless/codec'

/** k data rows, k >= 1, and m parity rows, m >= 0. Rows are numbered: data 0..k-1, parity k..k+m-1. */
export type CodeShape = { dataRows: number; parityRows: number }

/** The field has as many points; parity takes a power of two of them. */
export const rowsMax = 65_536
/** Rows are whole 64-byte chunks; longer ones are split into stripes. */
export const chunkBytes = 64
export const rowBytesMax = 16 * 1024 * 1024

/** k >= 1, m >= 0, k plus m rounded up to a power of two at most 65,536. */
export function checkShape(shape: CodeShape): Verdict<CodeShape, 'shape-invalid'> {
  const { dataRows, parityRows } = shape
  if (!Number.isSafeInteger(dataRows) || dataRows < 1)
    return reject('shape-invalid', 'dataRows is a whole number from 1')
  if (!Number.isSafeInteger(parityRows) || parityRows < 0) {
    return reject('shape-invalid', 'parityRows is a whole number from 0')
  }
  if (dataRows > rowsMax || parityRows > rowsMax || dataRows + powerOfTwoFrom(parityRows) > rowsMax) {
    return reject('shape-invalid', `dataRows plus parityRows, rounded up to a power of two, is at most ${rowsMax}`)
  }
  return accept(shape)
}

/** A multiple of 64 from 64 to 16 MiB. */
export function isRowBytes(rowBytes: number): boolean {
  return (
    Number.isSafeInteger(rowBytes) && rowBytes >= chunkBytes && rowBytes <= rowBytesMax && rowBytes % chunkBytes === 0
  )
}

/** @throws {CodeShapeInvalidError} */
export function requireShape(shape: CodeShape, rowBytes: number): void {
  const verdict = checkShape(shape)
  if (!verdict.ok) throw new CodeShapeInvalidError({ ...shape, rowBytes, reason: verdict.detail })
  if (isRowBytes(rowBytes)) return
  throw new CodeShapeInvalidError({ ...shape, rowBytes, reason: 'rowBytes is a multiple of 64 up to 16 MiB' })
}

/** 0 for 0. */
export function powerOfTwoFrom(count: number): number {
  let power = count > 0 ? 1 : 0
  while (power < count) power *= 2
  return power
}

/** The rows given do not fit the shape, or the shape does not fit the code. */
export class CodeShapeInvalidError extends WeightlessError {
  constructor(facts: { dataRows: number; parityRows: number; rowBytes: number; reason?: string | undefined }) {
    super('coder/shape-invalid', 'There is no code of this shape, or the rows do not fit it.', facts)
  }
}
