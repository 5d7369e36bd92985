/** Calls of kernels as data, so that any thread of a crew can make them. */
import { sha256 } from '@weightless/crypto'
import type { Kernels } from '../kernels/loadKernels.ts'
import { panelBytes } from '../model/scratch.ts'

/** Kernels that mates can be asked to run; order is the number in the control block. */
export const sharedKernels = [
  'matmulQuantised',
  'matmulFloat',
  'matvecQ41',
  'matvecQ40',
  'matvecQ80',
  'attend',
  'siluMultiply',
  'digestRows',
] as const
export type SharedKernel = (typeof sharedKernels)[number]

/**
 * A kernel and its arguments. Where a kernel needs room of its own, the argument is that of member 0. `digestRows` is no kernel
 * of the module: address, bytes between rows, bytes of a row, target, bytes between targets, rows; SHA-256 of each row.
 */
export type KernelCall = readonly [kernel: SharedKernel, ...values: number[]]

export type Caller = {
  /** @param member - which thread of the crew makes the call, the lead being 0 */
  call(call: KernelCall, member: number): void
}

/** Argument that differs between the threads of a crew, and by how much. */
const ownArguments: { [kernel in SharedKernel]?: { index: number; step: number } } = {
  matmulQuantised: { index: 10, step: panelBytes },
  attend: { index: 4, step: 1 },
}

export function createCaller(kernels: Kernels, memory: WebAssembly.Memory): Caller {
  return {
    call([kernel, ...values], member) {
      if (kernel === 'digestRows') {
        digestRows(memory, values)
        return
      }
      const own = ownArguments[kernel]
      if (own !== undefined) values[own.index]! += member * own.step
      ;(kernels[kernel] as (...values: readonly number[]) => void)(...values)
    },
  }
}

function digestRows(memory: WebAssembly.Memory, values: readonly number[]): void {
  const [address, stride, length, target, targetStride, rows] = values as [
    number,
    number,
    number,
    number,
    number,
    number,
  ]
  const last = Math.max(address + rows * stride, target + rows * targetStride)
  // Growing by nothing shows this thread what another has grown.
  if (memory.buffer.byteLength < last) memory.grow(0)
  for (let row = 0; row < rows; row++) {
    const digest = sha256(new Uint8Array(memory.buffer, address + row * stride, length))
    new Uint8Array(memory.buffer, target + row * targetStride, 32).set(digest)
  }
}
