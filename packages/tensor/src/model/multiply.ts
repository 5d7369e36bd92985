/** Rows of activations times a packed matrix: one kernel for a single position, another for four at a time, same bits. */
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
  const { scratch, arena } = parts
  const { kernels } = arena
  const { kind, address, groups, columns } = matrix
  if (kind === matrixKinds.float) {
    kernels.matmulFloat(address, input, out, groups, columns, positions, outStrideBytes)
    return
  }
  const { q, scales, sums, panel } = scratch
  const blocks = columns / 32
  const together = positions - (positions % 4)
  if (together > 0) {
    kernels.matmulQuantised(kind, address, q, scales, sums, out, groups, blocks, together, outStrideBytes, panel)
  }
  for (let i = together; i < positions; i++) {
    const at = i * blocks
    const [x, s, t, to] = [q + at * 64, scales + at * 4, sums + at * 4, out + i * outStrideBytes]
    if (kind === matrixKinds.Q4_1) kernels.matvecQ41(address, x, s, t, to, groups, blocks, nibbleMask)
    else if (kind === matrixKinds.Q4_0) kernels.matvecQ40(address, x, s, t, to, groups, blocks, nibbleMask)
    else kernels.matvecQ80(address, x, s, to, groups, blocks)
  }
}
