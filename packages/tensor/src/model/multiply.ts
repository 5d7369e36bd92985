/**
 * Rows of activations times a packed matrix: one WebAssembly kernel for a single row, another for four at a time; machine code,
 * where there is some, for any number. Same bits.
 */
import { addAdapter } from '../adapter/attachAdapter.ts'
import { isSpread, spread } from '../crew/spread.ts'
import { matrixKinds } from '../kernels/loadKernels.ts'
import type { EngineParts } from './engineParts.ts'
import type { Matrix } from './weights.ts'

const nibbleMask = 15

/**
 * As `multiplyBase`, with what an adapter adds. That needs the product itself, so the calls listed until then are made at once.
 * `input` are the f32 values also where the matrix reads integers.
 */
export function multiply(
  parts: EngineParts,
  matrix: Matrix,
  input: number,
  out: number,
  outStrideBytes: number,
  rows: number,
): void {
  multiplyBase(parts, matrix, input, out, outStrideBytes, rows)
  if (matrix.adapter === undefined) return
  parts.round.run(isSpread(parts, rows))
  addAdapter(parts, matrix.adapter, input, out, outStrideBytes, rows)
}

/**
 * Lists calls that make out[row of activations][row of matrix] = matrix · input. Matrices of integers read the scratch's,
 * which the caller has made from `input`; those of floats read `input`. `outStrideBytes` separates rows in `out`, which has room
 * for a multiple of four rows: what comes after `rows` is written without meaning.
 */
function multiplyBase(
  parts: EngineParts,
  matrix: Matrix,
  input: number,
  out: number,
  outStrideBytes: number,
  rows: number,
): void {
  const { scratch, round } = parts
  const { kind, address, groups, columns, groupBytes } = matrix
  if (kind === matrixKinds.float) {
    spread(parts, groups, rows, (from, count) => {
      const [w, to] = [address + from * groupBytes, out + from * 32]
      round.add('matmulFloat', w, input, to, count, columns, rows, outStrideBytes)
    })
    return
  }
  const { q, scales, sums, panel } = scratch
  const blocks = columns / 32
  // Of the WebAssembly kernels four at once cost as much as two and a half alone.
  const together = round.takesAnyRows ? rows : rows % 4 === 3 ? rows + 1 : rows - (rows % 4)
  if (together > 0) {
    spread(parts, groups, rows, (from, count) => {
      const [w, to] = [address + from * groupBytes, out + from * 32]
      round.add('matmulQuantised', kind, w, q, scales, sums, to, count, blocks, together, outStrideBytes, panel)
    })
  }
  for (let row = together; row < rows; row++) multiplyOne(parts, matrix, row, out + row * outStrideBytes, rows)
}

/** The row `index` of the scratch's integers times the matrix. */
function multiplyOne(parts: EngineParts, matrix: Matrix, index: number, out: number, rows: number): void {
  const { scratch, round } = parts
  const { kind, address, groups, columns, groupBytes } = matrix
  const blocks = columns / 32
  const at = index * blocks
  const [q, scales, sums] = [scratch.q + at * 64, scratch.scales + at * 4, scratch.sums + at * 4]
  spread(parts, groups, rows, (from, count) => {
    const [w, to] = [address + from * groupBytes, out + from * 32]
    round.add('matvec', kind, w, q, scales, sums, to, count, blocks, nibbleMask)
  })
}
