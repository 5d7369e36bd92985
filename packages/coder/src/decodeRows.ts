/** Rebuilds lost rows from any k others. Spec: coding §3. */
import { WeightlessError } from '@weightless/codec'
import { type CoderKernel, loadCoderKernel } from './coderKernel.ts'
import { type CodeShape, powerOfTwoFrom, requireShape } from './codeShape.ts'
import { encodeRowsOn } from './encodeRows.ts'
import { recoverBySolving } from './recoverBySolving.ts'
import { recoverByTransform } from './recoverByTransform.ts'

type Rows = readonly (Uint8Array | undefined)[]

/**
 * The rows in `wanted`, data or parity, each of `rowBytes`, from any k of the k + m rows. It believes the rows that it
 * is given: check each with `checkRow` before.
 * @param rows k + m, `undefined` = lost; shorter data rows count as filled up with zeros
 * @throws {TooFewRowsError} with fewer than k rows
 * @throws {CodeShapeInvalidError}
 */
export function decodeRows(shape: CodeShape, rows: Rows, rowBytes: number, wanted: readonly number[]): Uint8Array[] {
  return decodeRowsOn(loadCoderKernel(), shape, rows, rowBytes, wanted)
}

export function decodeRowsOn(
  kernel: CoderKernel,
  shape: CodeShape,
  rows: Rows,
  rowBytes: number,
  wanted: readonly number[],
): Uint8Array[] {
  requireShape(shape, rowBytes)
  const present: number[] = []
  for (let r = 0; r < shape.dataRows + shape.parityRows; r++) if (rows[r]) present.push(r)
  if (present.length < shape.dataRows) {
    throw new TooFewRowsError({ presentRows: present.length, dataRows: shape.dataRows })
  }
  const lost = wanted.filter((r) => !rows[r])
  const recovered = lost.length === 0 ? [] : recover(kernel, shape, rows, rowBytes, present, lost)
  const byRow = new Map(lost.map((r, i) => [r, recovered[i]!]))
  return wanted.map((r) => byRow.get(r) ?? fillUp(rows[r]!, rowBytes))
}

function recover(
  kernel: CoderKernel,
  shape: CodeShape,
  rows: Rows,
  rowBytes: number,
  present: readonly number[],
  lost: readonly number[],
): Uint8Array[] {
  const { dataRows } = shape
  if (dataRows === 1) return lost.map(() => fillUp(rows[present[0]!]!, rowBytes))
  const way = cheapestWay(shape, present, lost)
  if (way === 'encode') {
    const parity = encodeRowsOn(kernel, shape, rows.slice(0, dataRows), rowBytes)
    return lost.map((r) => parity[r - dataRows]!)
  }
  if (way === 'solve') return recoverBySolving(kernel, shape, rows, rowBytes, present, lost)
  return recoverByTransform(kernel, shape, rows, rowBytes, lost)
}

/** The matrix needs one product for each source and wanted row; its solution is kept, but costs the cube of the loss. */
function cheapestWay(
  shape: CodeShape,
  present: readonly number[],
  lost: readonly number[],
): 'encode' | 'solve' | 'transform' {
  const { dataRows, parityRows } = shape
  const width = powerOfTwoFrom(parityRows)
  const points = powerOfTwoFrom(width + dataRows)
  const solving = lost.length * dataRows
  const dataIsThere = present[dataRows - 1] === dataRows - 1
  if (dataIsThere) {
    const encoding = ((dataRows + width) * Math.log2(width)) / 2
    return solving < encoding && points <= smallPoints ? 'solve' : 'encode'
  }
  const transforming = points * Math.log2(points) + points
  return points <= smallPoints && solving <= transforming ? 'solve' : 'transform'
}

const smallPoints = 256

function fillUp(row: Uint8Array, rowBytes: number): Uint8Array {
  if (row.length === rowBytes) return row.slice()
  const filled = new Uint8Array(rowBytes)
  filled.set(row)
  return filled
}

export class TooFewRowsError extends WeightlessError {
  constructor(facts: { presentRows: number; dataRows: number }) {
    super('coder/too-few-rows', 'Fewer rows are there than the code needs.', facts, {
      hint: 'Ask more holders; any dataRows of the rows are enough.',
    })
  }
}
