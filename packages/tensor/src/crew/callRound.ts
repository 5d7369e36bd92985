/** Calls that do not depend on each other, listed in a table and then made: here, or by all threads of a crew. */
import { type Caller, callValues, kernelNumbers, type SharedKernel } from './callKernel.ts'
import { type Crew, callsMax } from './crew.ts'

export type CallRound = {
  /** As `Caller.takesAnyRows`. */
  takesAnyRows: boolean
  /** Lists a call for the round that `run` makes. */
  add: AddCall
  /** Lists digests of rows, which must not change until the next round that the crew takes part in, or `settle`. */
  addDigests(from: number, stride: number, bytes: number, to: number, toStride: number, rows: number): void
  /** Makes the calls listed, in any order. @param together - whether the crew takes part, which then also makes the digests listed */
  run(together: boolean): void
  /** Makes the digests listed, here: many side by side cost less than each by itself. */
  settle(): void
}

type AddCall = (
  kernel: SharedKernel,
  a: number,
  b: number,
  c: number,
  d?: number,
  e?: number,
  f?: number,
  g?: number,
  h?: number,
  i?: number,
  j?: number,
  k?: number,
) => void

export function createCallRound(caller: Caller, crew: Crew | undefined): CallRound {
  const table = crew?.table ?? new Float64Array(callsMax * callValues)
  const digests = new Float64Array(callsMax * callValues)
  let count = 0
  let digestCount = 0

  function make(together: boolean): void {
    if (together && crew !== undefined && count > 1) crew.run(count)
    else for (let index = 0; index < count; index++) caller.call(table, index, 0)
    count = 0
  }

  function settle(): void {
    if (digestCount > 0) caller.digest(digests, digestCount)
    digestCount = 0
  }

  function run(together: boolean): void {
    if (together && crew !== undefined && digestCount > 0) {
      if (count + digestCount > callsMax) make(together)
      table.set(digests.subarray(0, digestCount * callValues), count * callValues)
      count += digestCount
      digestCount = 0
    }
    make(together)
  }

  return {
    takesAnyRows: caller.takesAnyRows,
    add(kernel, a, b, c, d = 0, e = 0, f = 0, g = 0, h = 0, i = 0, j = 0, k = 0) {
      if (count === callsMax) make(crew !== undefined)
      write(table, count++, kernelNumbers[kernel], a, b, c, d, e, f, g, h, i, j, k)
    },
    addDigests(from, stride, bytes, to, toStride, rows) {
      if (digestCount === callsMax) settle()
      write(digests, digestCount++, kernelNumbers.digestRows, from, stride, bytes, to, toStride, rows, 0, 0, 0, 0, 0)
    },
    run,
    settle,
  }
}

function write(
  table: Float64Array,
  index: number,
  kernel: number,
  a: number,
  b: number,
  c: number,
  d: number,
  e: number,
  f: number,
  g: number,
  h: number,
  i: number,
  j: number,
  k: number,
): void {
  const at = index * callValues
  table[at] = kernel
  table[at + 1] = a
  table[at + 2] = b
  table[at + 3] = c
  table[at + 4] = d
  table[at + 5] = e
  table[at + 6] = f
  table[at + 7] = g
  table[at + 8] = h
  table[at + 9] = i
  table[at + 10] = j
  table[at + 11] = k
}
