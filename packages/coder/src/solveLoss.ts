/**
 * Which multiples of k present rows give each wanted row: a system of as many equations as data rows are lost, solved
 * once for a pattern of loss and kept. For small codes, where the matrix costs less than transforms. Spec: coding §3.
 */
import type { CodeShape } from './codeShape.ts'
import { invert, multiply } from './field.ts'
import { type Factors, factorsOf } from './multiplyRows.ts'
import { parityMatrix } from './parityMatrix.ts'

/** `factors.values[w][s]` is the factor of row `sources[s]` in wanted row w. */
export type LossSolution = { sources: number[]; factors: Factors }

const solutionsMax = 64
const solutions = new Map<string, LossSolution>()

/** @param present rows that are there, ascending, at least k; @param wanted rows that are not */
export function solveLoss(shape: CodeShape, present: readonly number[], wanted: readonly number[]): LossSolution {
  const sources = present.slice(0, shape.dataRows)
  const key = `${shape.dataRows}+${shape.parityRows}:${sources}:${wanted}`
  const known = solutions.get(key)
  if (known) return known
  const solution = { sources, factors: factorsOf(solve(shape, sources, wanted)) }
  if (solutions.size >= solutionsMax) solutions.delete(solutions.keys().next().value!)
  solutions.set(key, solution)
  return solution
}

function solve(shape: CodeShape, sources: readonly number[], wanted: readonly number[]): Uint16Array[] {
  const { dataRows } = shape
  const matrix = parityMatrix(shape)
  const there = new Set(sources)
  const lost = Array.from({ length: dataRows }, (_, d) => d).filter((d) => !there.has(d))
  const data = sources.filter((r) => r < dataRows)
  const parity = sources.slice(data.length).map((r) => matrix[r - dataRows]!)
  const inverse = invertMatrix(parity.map((row) => Uint16Array.from(lost, (d) => row[d]!)))
  const byRow = new Map<number, Uint16Array>()
  for (const [i, d] of lost.entries()) {
    const fromData = data.map((known) => sumOf(parity.map((row, j) => multiply(inverse[i]![j]!, row[known]!))))
    byRow.set(d, Uint16Array.from([...fromData, ...inverse[i]!]))
  }
  return wanted.map((r) => byRow.get(r) ?? throughData(matrix[r - dataRows]!, data, lost, byRow))
}

/** A lost parity row: its matrix row, with the solution put in the place of lost data. */
function throughData(
  row: Uint16Array,
  data: readonly number[],
  lost: readonly number[],
  byRow: ReadonlyMap<number, Uint16Array>,
): Uint16Array {
  const factors = new Uint16Array(data.length + lost.length)
  for (const [s, d] of data.entries()) factors[s] = row[d]!
  for (const d of lost) {
    const solved = byRow.get(d)!
    for (let s = 0; s < factors.length; s++) factors[s]! ^= multiply(solved[s]!, row[d]!)
  }
  return factors
}

function sumOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum ^ value, 0)
}

/** Gauss and Jordan; every square part of the parity matrix of an MDS code has an inverse. */
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
    const pivotRow = rows[pivot]!
    rows[pivot] = rows[column]!
    rows[column] = pivotRow
    const scale = invert(pivotRow[column]!)
    for (let i = 0; i < 2 * size; i++) pivotRow[i] = multiply(pivotRow[i]!, scale)
    for (const row of rows) {
      const factor = row[column]!
      if (row === pivotRow || factor === 0) continue
      for (let i = 0; i < 2 * size; i++) row[i]! ^= multiply(pivotRow[i]!, factor)
    }
  }
  return rows.map((row) => row.slice(size))
}
