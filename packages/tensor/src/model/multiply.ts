/** Rows of activations times a packed matrix: one kernel for a single row, another for four at a time, same bits. */
import type { KernelCall } from '../crew/callKernel.ts'
import { spread } from '../crew/spread.ts'
import { matrixKinds } from '../kernels/loadKernels.ts'
import type { EngineParts } from './loadModel.ts'
import type { Matrix } from './loadWeights.ts'

const nibbleMask = 15

/**
 * Calls that make out[row of activations][row of matrix] = matrix · input. Quantised matrices read the scratch's integers, which
 * the caller has made from `input`; others read `input`. `outStrideBytes` separates rows in `out`, which has room for a
 * multiple of four rows: what comes after `rows` is written without meaning.
 */
export function multiply(
  parts: EngineParts,
  matrix: Matrix,
  input: number,
  out: number,
  outStrideBytes: number,
  rows: number,
): KernelCall[] {
  const { scratch } = parts
  const { kind, address, groups, columns, groupBytes } = matrix
  if (kind === matrixKinds.float) {
    return spread(parts, groups, rows, (from, count) => {
      const [w, to] = [address + from * groupBytes, out + from * 32]
      return ['matmulFloat', w, input, to, count, columns, rows, outStrideBytes]
    })
  }
  const { q, scales, sums, panel } = scratch
  const blocks = columns / 32
  // A fifth row is cheaper alone; two or three are not.
  const together = rows % 4 === 1 ? rows - 1 : Math.ceil(rows / 4) * 4
  const calls: KernelCall[] = []
  if (together > 0) {
    calls.push(
      ...spread(parts, groups, rows, (from, count) => {
        const [w, to] = [address + from * groupBytes, out + from * 32]
        return ['matmulQuantised', kind, w, q, scales, sums, to, count, blocks, together, outStrideBytes, panel]
      }),
    )
  }
  if (together < rows) calls.push(...multiplyOne(parts, matrix, together, out + together * outStrideBytes, rows))
  return calls
}

/** The row `index` of the scratch's integers times the matrix. */
function multiplyOne(parts: EngineParts, matrix: Matrix, index: number, out: number, rows: number): KernelCall[] {
  const { scratch } = parts
  const { kind, address, groups, columns, groupBytes } = matrix
  const blocks = columns / 32
  const at = index * blocks
  const [q, scales, sums] = [scratch.q + at * 64, scratch.scales + at * 4, scratch.sums + at * 4]
  return spread(parts, groups, rows, (from, count) => {
    const [w, to] = [address + from * groupBytes, out + from * 32]
    if (kind === matrixKinds.Q4_1) return ['matvecQ41', w, q, scales, sums, to, count, blocks, nibbleMask]
    if (kind === matrixKinds.Q4_0) return ['matvecQ40', w, q, scales, sums, to, count, blocks, nibbleMask]
    return ['matvecQ80', w, q, scales, to, count, blocks]
  })
}
