/** Rebuilds lost rows from any k others. Spec: coding §3. */
import { WeightlessError } from '@weightless/codec'
import { suitsEngine } from './coderEngine.ts'
import { type Coder, currentCoder } from './coderKernel.ts'
import { type CodeShape, powerOfTwoFrom, requireShape } from './codeShape.ts'
import { encodeRowsOn } from './encodeRows.ts'
import { fillUp, multiplyRows } from './multiplyRows.ts'
import { recoverByTransform } from './recoverByTransform.ts'
import { solveLoss } from './solveLoss.ts'

type Rows = readonly (Uint8Array | undefined)[]

/**
 * The rows in `wanted` (all different), data or parity, each of `rowBytes` and in a buffer of its own, from any k of the
 * k + m rows. It believes the rows that it is given: check each with `checkRow` before.
 * @param rows k + m, `undefined` = lost; shorter data rows count as filled up with zeros
 * @throws {TooFewRowsError} with fewer than k rows
 * @throws {CodeShapeInvalidError}
 */
export function decodeRows(shape: CodeShape, rows: Rows, rowBytes: number, wanted: readonly number[]): Uint8Array[] {
  return decodeRowsOn(currentCoder(), shape, rows, rowBytes, wanted)
}

export function decodeRowsOn(
  coder: Coder,
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
  const recovered = lost.length === 0 ? [] : recover(coder, shape, rows, rowBytes, present, lost)
  const byRow = new Map(lost.map((r, i) => [r, recovered[i]!]))
  return wanted.map((r) => byRow.get(r) ?? copyOf(rows[r]!, rowBytes))
}

function recover(
  coder: Coder,
  shape: CodeShape,
  rows: Rows,
  rowBytes: number,
  present: readonly number[],
  lost: readonly number[],
): Uint8Array[] {
  const { dataRows } = shape
  if (dataRows === 1) return lost.map(() => copyOf(rows[present[0]!]!, rowBytes))
  const way = cheapestWay(coder, shape, present, lost)
  if (way === 'encode') {
    const parity = encodeRowsOn(coder, shape, rows.slice(0, dataRows), rowBytes)
    return lost.map((r) => parity[r - dataRows]!)
  }
  if (way === 'solve') {
    const { sources, factors } = solveLoss(shape, present, lost)
    return multiplyRows(
      coder,
      factors,
      sources.map((r) => rows[r]),
      rowBytes,
    )
  }
  return recoverByTransform(coder.kernel, shape, rows, rowBytes, lost)
}

/** The matrix needs one product for each source and wanted row; its solution is kept, but costs the cube of the loss. */
function cheapestWay(
  { engine }: Coder,
  shape: CodeShape,
  present: readonly number[],
  lost: readonly number[],
): 'encode' | 'solve' | 'transform' {
  const { dataRows, parityRows } = shape
  const width = powerOfTwoFrom(parityRows)
  const points = powerOfTwoFrom(width + dataRows)
  const solving = (lost.length * dataRows) / (engine && suitsEngine(dataRows, lost.length) ? engineGain : 1)
  const dataIsThere = present[dataRows - 1] === dataRows - 1
  if (dataIsThere) {
    const encoding = ((dataRows + width) * Math.log2(width)) / 2
    return solving < encoding && points <= smallPoints ? 'solve' : 'encode'
  }
  const transforming = points * Math.log2(points) + points
  return points <= smallPoints && solving <= transforming ? 'solve' : 'transform'
}

const smallPoints = 256
/** Multiples of rows that the engine makes while the kernel makes one. */
const engineGain = 8

function copyOf(row: Uint8Array, rowBytes: number): Uint8Array {
  return row.length === rowBytes ? row.slice() : fillUp(row, rowBytes)
}

export class TooFewRowsError extends WeightlessError {
  constructor(facts: { presentRows: number; dataRows: number }) {
    super('coder/too-few-rows', 'Fewer rows are there than the code needs.', facts, {
      hint: 'Ask more holders; any dataRows of the rows are enough.',
    })
  }
}
