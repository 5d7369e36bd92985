/**
 * The code once more, plainly: symbol by symbol by Lagrange interpolation, recovery by Gaussian elimination; no FFT. It is what the kernels are compared with.
 */
import { type CodeShape, powerOfTwoFrom } from '../codeShape.ts'
import { invert, multiply } from '../field.ts'

/** Row bytes as symbols: in each chunk of 64 bytes, 32 low bytes and then 32 high ones. */
export function toSymbols(row: Uint8Array | undefined, rowBytes: number): Uint16Array {
  const symbols = new Uint16Array(rowBytes / 2)
  const byte = (at: number) => row?.[at] ?? 0
  for (let i = 0; i < symbols.length; i++) {
    const at = 64 * (i >> 5) + (i & 31)
    symbols[i] = byte(at) | (byte(at + 32) << 8)
  }
  return symbols
}

function toBytes(symbols: Uint16Array): Uint8Array {
  const row = new Uint8Array(2 * symbols.length)
  for (let i = 0; i < symbols.length; i++) {
    const at = 64 * (i >> 5) + (i & 31)
    row[at] = symbols[i]! & 255
    row[at + 32] = symbols[i]! >> 8
  }
  return row
}

/**
 * m x k: parity row p = sum over d of `matrix[p][d]` times data row d. By Lagrange: the values of a block of `width` data
 * rows are interpolated by a polynomial of lower degree, parity is the sum of the blocks' polynomials at the points p.
 */
function slowMatrix({ dataRows, parityRows }: CodeShape): Uint16Array[] {
  const width = powerOfTwoFrom(parityRows)
  return Array.from({ length: parityRows }, (_, p) =>
    Uint16Array.from({ length: dataRows }, (_, d) => {
      if (dataRows === 1) return 1
      const own = width + d
      const first = own - (own % width)
      let factor = 1
      for (let point = first; point < first + width; point++) {
        if (point !== own) factor = multiply(factor, multiply(p ^ point, invert(own ^ point)))
      }
      return factor
    }),
  )
}

export function slowEncode(
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
): Uint8Array[] {
  const data = Array.from({ length: shape.dataRows }, (_, r) => toSymbols(rows[r], rowBytes))
  return slowMatrix(shape).map((factors) => toBytes(sumOf(factors, data)))
}

/** Any k present rows are the solution of k linear equations in the data rows. */
export function slowDecode(
  shape: CodeShape,
  rows: readonly (Uint8Array | undefined)[],
  rowBytes: number,
  wanted: readonly number[],
): Uint8Array[] {
  const { dataRows } = shape
  const present = rows.flatMap((row, r) => (row ? [r] : [])).slice(0, dataRows)
  const generator = fullGenerator(shape)
  const inverse = invertMatrix(present.map((r) => generator[r]!))
  const given = present.map((r) => toSymbols(rows[r], rowBytes))
  const data = inverse.map((factors) => sumOf(factors, given))
  return wanted.map((r) => toBytes(sumOf(generator[r]!, data)))
}

function fullGenerator(shape: CodeShape): Uint16Array[] {
  const identity = Array.from({ length: shape.dataRows }, (_, r) => {
    const row = new Uint16Array(shape.dataRows)
    row[r] = 1
    return row
  })
  return [...identity, ...slowMatrix(shape)]
}

function sumOf(factors: Uint16Array, rows: readonly Uint16Array[]): Uint16Array {
  const sum = new Uint16Array(rows[0]!.length)
  for (const [r, row] of rows.entries()) {
    if (factors[r] === 0) continue
    for (let i = 0; i < sum.length; i++) sum[i]! ^= multiply(row[i]!, factors[r]!)
  }
  return sum
}

function invertMatrix(source: readonly Uint16Array[]): Uint16Array[] {
  const size = source.length
  const rows = source.map((row, r) => {
    const wide = new Uint16Array(2 * size)
    wide.set(row)
    wide[size + r] = 1
    return wide
  })
  for (let column = 0; column < size; column++) {
    const pivot = rows.findIndex((row, r) => r >= column && row[column] !== 0)
    if (pivot < 0) throw new Error('singular: the code is not MDS')
    ;[rows[column], rows[pivot]] = [rows[pivot]!, rows[column]!]
    const scale = invert(rows[column]![column]!)
    for (let i = 0; i < 2 * size; i++) rows[column]![i] = multiply(rows[column]![i]!, scale)
    for (let r = 0; r < size; r++) {
      const factor = rows[r]![column]!
      if (r === column || factor === 0) continue
      for (let i = 0; i < 2 * size; i++) rows[r]![i]! ^= multiply(rows[column]![i]!, factor)
    }
  }
  return rows.map((row) => row.slice(size))
}
