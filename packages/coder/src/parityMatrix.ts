/**
 * The code as a matrix: which factor each data row has in each parity row. Parity row p stands at point p, data row d at
 * point width + d, width = m rounded up to a power of two. In each block of `width` data rows the factors are those of
 * Lagrange's interpolation; the points of a block are a shifted subspace, so they come to a Cauchy matrix times one
 * number for the block, of which every square part has an inverse. Spec: coding §2.
 */
import { type CodeShape, powerOfTwoFrom } from './codeShape.ts'
import { invert, multiply } from './field.ts'

/** m rows of k factors; k is at least 2. */
export function parityMatrix({ dataRows, parityRows }: CodeShape): Uint16Array[] {
  const width = powerOfTwoFrom(parityRows)
  const matrix = Array.from({ length: parityRows }, () => new Uint16Array(dataRows))
  for (let d = 0; d < dataRows; d++) {
    const point = width + d
    const scale = blockFactor(point - (point % width), width)
    for (let p = 0; p < parityRows; p++) matrix[p]![d] = multiply(scale, invert(p ^ point))
  }
  return matrix
}

/** The vanishing polynomial of the points 0..width-1 at `start`, divided by its derivative, which is constant. */
function blockFactor(start: number, width: number): number {
  let value = start
  let derivative = 1
  for (let point = 1; point < width; point++) {
    value = multiply(value, start ^ point)
    derivative = multiply(derivative, point)
  }
  return multiply(value, invert(derivative))
}
