/**
 * The code once more, plainly: symbol by symbol with logarithm tables, recovery by Gaussian elimination instead of the
 * FFT. It is what the kernels are compared with.
 */
import { type CodeShape, powerOfTwoFrom } from '../codeShape.ts'
import { invert, multiply, multiplyByLog } from '../field.ts'
import { skewFactors } from '../skewFactors.ts'

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

/** m x k: parity row p = sum over d of `matrix[p][d]` times data row d; found by encoding unit vectors. */
export function slowMatrix({ dataRows, parityRows }: CodeShape): Uint16Array[] {
  const matrix = Array.from({ length: parityRows }, () => new Uint16Array(dataRows))
  for (let d = 0; d < dataRows; d++) {
    const column = dataRows === 1 ? new Array(parityRows).fill(1) : encodeUnit(d, parityRows)
    for (let p = 0; p < parityRows; p++) matrix[p]![d] = column[p]!
  }
  return matrix
}

/** High-rate encoder: IFFT of the block of m' rows that holds row d, at its own offset, then FFT at offset 0. */
function encodeUnit(d: number, parityRows: number): number[] {
  const size = powerOfTwoFrom(parityRows)
  const skew = skewFactors()
  const work = new Array<number>(size).fill(0)
  work[d % size] = 1
  const offset = (Math.floor(d / size) + 1) * size
  for (let distance = 1; distance < size; distance *= 2) {
    for (let start = 0; start < size; start += 2 * distance) {
      const log = skew[start + distance + offset - 1]!
      for (let i = start; i < start + distance; i++) {
        work[i + distance]! ^= work[i]!
        work[i]! ^= multiplyByLog(work[i + distance]!, log)
      }
    }
  }
  for (let distance = size / 2; distance >= 1; distance /= 2) {
    for (let start = 0; start < size; start += 2 * distance) {
      const log = skew[start + distance - 1]!
      for (let i = start; i < start + distance; i++) {
        work[i]! ^= multiplyByLog(work[i + distance]!, log)
        work[i + distance]! ^= work[i]!
      }
    }
  }
  return work
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
