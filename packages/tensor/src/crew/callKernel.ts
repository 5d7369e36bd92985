/** Calls of kernels as rows of a table of numbers, so that any thread of a crew can make them. */
import { sha256 } from '@weightless/crypto'
import type { Kernels } from '../kernels/loadKernels.ts'
import { panelBytes } from '../model/scratch.ts'
import { sampleBytes, sampleRow, weightsBytes } from '../sampler/sampleToken.ts'
import { type CallEngine, callEngine } from './callEngine.ts'

/**
 * Kernels that mates can be asked to run, by their number in a table. `digestRows` is none of the module's: address, bytes
 * between rows, bytes of a row, target, bytes between targets, rows;
 * the SHA-256 of each row. Nor is `sampleRow`: logits, room for weights, number of logits, temperature, top-p, two random words,
 * where the record goes (`sampleToken.ts`). `packages/crypto/native/tensorBinding.c`
 * knows 0, 7, 8 to 10 (of 8 and 9 kind 0).
 */
export const kernelNumbers = {
  matmulQuantised: 0,
  matmulFloat: 1,
  matvec: 2,
  attend: 5,
  siluMultiply: 6,
  digestRows: 7,
  gemmRows: 8,
  gemmColumns: 9,
  gradientOuter: 10,
  gateForward: 11,
  gateBack: 12,
  attendRow: 13,
  attendRowBack: 14,
  crossEntropy: 15,
  sampleRow: 16,
  attendNear: 17,
  geluMultiply: 18,
} as const
const kernelCount = 1 + Math.max(...Object.values(kernelNumbers))
export type SharedKernel = keyof typeof kernelNumbers

/** Room that one thread needs for `gemmRows` and `gemmColumns`. */
export const gemmPanelBytes = 40_960

/** Values per call in a table: the kernel's number and up to eleven arguments. */
export const callValues = 12

export type Caller = {
  /** Whether `matmulQuantised` takes any number of rows as well as a multiple of four; else it works on as many as make one. */
  takesAnyRows: boolean
  /**
   * Makes the call at `index` of a table. Where a kernel needs room of its own, the table has that of member 0.
   * @param member - which thread of the crew this is, the lead being 0
   */
  call(table: Float64Array, index: number, member: number): void
  /** Makes the first `count` calls of a table, all of them `digestRows`: machine code takes rows of several side by side. */
  digest(table: Float64Array, count: number): void
}

type AnyKernel = (...values: readonly number[]) => void

export function createCaller(kernels: Kernels, memory: WebAssembly.Memory): Caller {
  const { matmulQuantised, matmulFloat, matvec, attend, siluMultiply } = kernels
  const train = createTrainCaller(kernels)
  const native = createNativeCaller(memory)
  return {
    takesAnyRows: native.has[kernelNumbers.matmulQuantised] === true,
    call(table, index, member) {
      // Tens of thousands of calls a second: no lists are made of arguments.
      const at = index * callValues
      const kernel = table[at]!
      if (native.has[kernel] && takesKind(kernel, table[at + 1]!)) return native.call(table, index)
      const [a, b, c, d] = [table[at + 1]!, table[at + 2]!, table[at + 3]!, table[at + 4]!]
      const [e, f, g, h] = [table[at + 5]!, table[at + 6]!, table[at + 7]!, table[at + 8]!]
      const [i, j, k] = [table[at + 9]!, table[at + 10]!, table[at + 11]!]
      if (kernel === kernelNumbers.digestRows) digestRows(memory, a, b, c, d, e, f)
      else if (kernel === kernelNumbers.matmulQuantised) {
        matmulQuantised(a, b, c, d, e, f, g, h, (i + 3) & ~3, j, k + member * panelBytes)
      } else if (kernel === kernelNumbers.attend) attend(a, b, c, d, e + member, f, g, h, i, j, k)
      else if (kernel === kernelNumbers.siluMultiply) siluMultiply(a, b, c)
      else if (kernel === kernelNumbers.matmulFloat) matmulFloat(a, b, c, d, e, f, g)
      else if (kernel === kernelNumbers.matvec) matvec(a, b, c, d, e, f, g, h, i)
      else if (kernel === kernelNumbers.attendNear) kernels.attendNear(a, b, c, d, e + member, f, g, h, i, j, k)
      else if (kernel === kernelNumbers.geluMultiply) kernels.geluMultiply(a, b, c)
      else if (kernel === kernelNumbers.sampleRow)
        drawRow(kernels, memory, [a, b + member * weightsBytes(c), c, d, e, f, g, h])
      else if (kernel >= kernelNumbers.gemmRows) train(kernel, table.subarray(at + 1, at + callValues), member)
      else throw new RangeError(`no kernel ${kernel}`)
    },
    digest(table, count) {
      if (native.has[kernelNumbers.digestRows]) return native.digest(table, count)
      for (let index = 0; index < count; index++) this.call(table, index, 0)
    },
  }
}

/** Matrices of training that are not f32 are widened by the module alone. */
function takesKind(kernel: number, kind: number): boolean {
  return (kernel !== kernelNumbers.gemmRows && kernel !== kernelNumbers.gemmColumns) || kind === 0
}

type NativeCaller = {
  /** By number of kernel. */
  has: readonly boolean[]
  call(table: Float64Array, index: number): void
  digest(table: Float64Array, count: number): void
}

function createNativeCaller(memory: WebAssembly.Memory): NativeCaller {
  const engine: CallEngine | undefined = callEngine()
  let bytes = new Uint8Array(memory.buffer)
  const onMemory = (make: 'runCall' | 'digestCalls') => (table: Float64Array, number: number) => {
    if (engine![make](bytes, table, number)) return
    // The memory has grown; growing by nothing shows what another thread has grown.
    if (bytes.buffer === memory.buffer) memory.grow(0)
    bytes = new Uint8Array(memory.buffer)
    if (!engine![make](bytes, table, number)) throw new RangeError('a kernel was called on what is not memory')
  }
  return {
    has: Array.from({ length: engine ? kernelCount : 0 }, (_, number) => engine!.hasCall(number)),
    call: onMemory('runCall'),
    digest: onMemory('digestCalls'),
  }
}

/** Training's calls are few and long. */
function createTrainCaller(kernels: Kernels): (kernel: number, values: Float64Array, member: number) => void {
  // Which argument, if any, is room of each member's own; its size is known or the argument behind it.
  const list: [AnyKernel, number?, number?][] = [
    [kernels.gemmRows as AnyKernel, 9, gemmPanelBytes],
    [kernels.gemmColumns as AnyKernel, 10, gemmPanelBytes],
    [kernels.gradientOuter as AnyKernel],
    [kernels.gateForward as AnyKernel],
    [kernels.gateBack as AnyKernel],
    [kernels.attendRow as AnyKernel, 3],
    [kernels.attendRowBack as AnyKernel, 3],
    [kernels.crossEntropy as AnyKernel, 7],
  ]
  return (kernel, values, member) => {
    const [run, room, bytes] = list[kernel - kernelNumbers.gemmRows]!
    if (room !== undefined) values[room]! += member * (bytes ?? values[room + 1]!)
    run(...values)
  }
}

function digestRows(
  memory: WebAssembly.Memory,
  address: number,
  stride: number,
  length: number,
  target: number,
  targetStride: number,
  rows: number,
): void {
  const bytes = new Uint8Array(bufferOf(memory, Math.max(address + rows * stride, target + rows * targetStride)))
  for (let row = 0; row < rows; row++) {
    const from = address + row * stride
    bytes.set(sha256(bytes.subarray(from, from + length)), target + row * targetStride)
  }
}

function drawRow(kernels: Kernels, memory: WebAssembly.Memory, values: readonly number[]): void {
  const [address, weights, count, temperature, topP, high, low, target] = values as DrawValues
  const end = Math.max(address + count * 4, weights + weightsBytes(count), target + sampleBytes)
  const buffer = bufferOf(memory, end)
  const { record } = sampleRow(kernels, new Float32Array(buffer, address, count), weights, {
    temperature,
    topP,
    high,
    low,
  })
  new Uint8Array(buffer).set(record, target)
}

type DrawValues = [number, number, number, number, number, number, number, number]

/** The memory as this thread sees it, up to `end` at least. */
function bufferOf(memory: WebAssembly.Memory, end: number): ArrayBuffer {
  // Growing by nothing shows this thread what another has grown.
  if (memory.buffer.byteLength < end) memory.grow(0)
  return memory.buffer
}
