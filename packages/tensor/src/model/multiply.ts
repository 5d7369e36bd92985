/** Rows of activations times a packed matrix: one kernel for a single position, another for four at a time, same bits. */
import { shareOut } from '../crew/shareOut.ts'
import { matrixKinds } from '../kernels/loadKernels.ts'
import type { EngineParts } from './loadModel.ts'
import type { Matrix } from './loadWeights.ts'

const nibbleMask = 15

/**
 * out[position][row] = matrix[row] · input[position]. Quantised matrices read the scratch's integers, which the caller has
 * made from `input`; others read `input`. `outStrideBytes` separates positions in `out`.
 */
export function multiply(
  parts: EngineParts,
  matrix: Matrix,
  input: number,
  out: number,
  outStrideBytes: number,
  positions: number,
): void {
  const { scratch } = parts
  const { kind, address, groups, columns, groupBytes } = matrix
  if (kind === matrixKinds.float) {
    shareOut(parts, 'matmulFloat', groups, positions, (from, count) => {
      const [w, to] = [address + from * groupBytes, out + from * 32]
      return [w, input, to, count, columns, positions, outStrideBytes]
    })
    return
  }
  const { q, scales, sums, panel, panelBytes } = scratch
  const blocks = columns / 32
  const together = positions - (positions % 4)
  if (together > 0) {
    shareOut(parts, 'matmulQuantised', groups, together, (from, count, member) => {
      const [w, to] = [address + from * groupBytes, out + from * 32]
      const own = panel + member * panelBytes
      return [kind, w, q, scales, sums, to, count, blocks, together, outStrideBytes, own]
    })
  }
  for (let i = together; i < positions; i++) multiplyOne(parts, matrix, i, out + i * outStrideBytes)
}

/** The position `index` of the scratch's integers times the matrix. */
function multiplyOne({ arena, scratch }: EngineParts, matrix: Matrix, index: number, out: number): void {
  const { kind, address, groups, columns } = matrix
  const blocks = columns / 32
  const at = index * blocks
  const [q, scales, sums] = [scratch.q + at * 64, scratch.scales + at * 4, scratch.sums + at * 4]
  const { kernels } = arena
  if (kind === matrixKinds.Q4_1) kernels.matvecQ41(address, q, scales, sums, out, groups, blocks, nibbleMask)
  else if (kind === matrixKinds.Q4_0) kernels.matvecQ40(address, q, scales, sums, out, groups, blocks, nibbleMask)
  else kernels.matvecQ80(address, q, scales, out, groups, blocks)
}
