/**
 * Several threads on one model. Mates share the memory and compute rows or positions that the lead hands them, with the
 * same kernels; no sum is ever split between threads, so the bits stay the same.
 */
import { WeightlessError } from '@weightless/codec'
import type { Kernels } from '../kernels/loadKernels.ts'

/**
 * What every thread of a crew is given; it can be sent to workers. Make one with `createCrewSeat`, start `mateCount` threads
 * on `mateModule` with `{ seat, index }` (index from 0), and pass the seat to `loadModel`.
 */
export type CrewSeat = { memory: WebAssembly.Memory; control: SharedArrayBuffer; mateCount: number }

export type MateInput = { seat: CrewSeat; index: number }

/** The module whose default export is a mate's main: `(port, input: MateInput)`, as `Tasks.open` calls it. */
export const mateModule: URL = new URL('./runMate.ts', import.meta.url)

/** Kernels that mates can be asked to run; order is the number in the control block. */
export const sharedKernels = ['matmulQuantised', 'matmulFloat', 'attend', 'siluMultiply'] as const
export type SharedKernel = (typeof sharedKernels)[number]

/** Control block in u32 words: round, mates still busy, stop, mates ready; then one call per mate. */
export const roundWord = 0
export const busyWord = 1
export const stopWord = 2
export const readyWord = 3
const headBytes = 64
/** Per mate, in f64: kernel number, argument count, arguments. */
const callValues = 16
const matesMax = 16
const answerMsMax = 30_000

export function createCrewSeat(mateCount: number): CrewSeat {
  const count = Math.max(0, Math.min(matesMax, mateCount))
  return {
    memory: new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: true }),
    control: new SharedArrayBuffer(headBytes + count * callValues * 8),
    mateCount: count,
  }
}

export function callOf(seat: CrewSeat, index: number): Float64Array {
  return new Float64Array(seat.control, headBytes + index * callValues * 8, callValues)
}

export type Crew = {
  /** Threads that work now, the caller among them: 1 until every mate has started. */
  size(): number
  /** Runs one call per member, `calls[0]` in this thread, and returns when all are done. */
  run(kernel: SharedKernel, calls: readonly (readonly number[])[]): void
}

/** The lead's side. Blocks the calling thread while mates finish, so it belongs in a worker. */
export function leadCrew(seat: CrewSeat, kernels: Kernels): Crew {
  const control = new Int32Array(seat.control, 0, headBytes / 4)
  return {
    size: () => (Atomics.load(control, readyWord) === seat.mateCount ? 1 + seat.mateCount : 1),
    run(kernel, calls) {
      const number = sharedKernels.indexOf(kernel)
      calls.slice(1).forEach((call, index) => {
        callOf(seat, index).set([number, call.length, ...call])
      })
      for (let index = calls.length - 1; index < seat.mateCount; index++) callOf(seat, index)[0] = -1
      Atomics.store(control, busyWord, calls.length - 1)
      Atomics.add(control, roundWord, 1)
      Atomics.notify(control, roundWord)
      callKernel(kernels, kernel, calls[0]!)
      waitForMates(control)
    },
  }
}

export function callKernel(kernels: Kernels, kernel: SharedKernel, values: readonly number[]): void {
  ;(kernels[kernel] as (...values: readonly number[]) => void)(...values)
}

/** Spins briefly, since shares are equal and mates end at nearly the same time, then sleeps. */
function waitForMates(control: Int32Array): void {
  for (let spin = 0; spin < 20_000; spin++) if (Atomics.load(control, busyWord) === 0) return
  for (let busy = Atomics.load(control, busyWord); busy > 0; busy = Atomics.load(control, busyWord)) {
    if (Atomics.wait(control, busyWord, busy, answerMsMax) === 'timed-out') throw new MateLostError({ busy })
  }
}

/** Ends the mates' threads. */
export function dismissCrew(seat: CrewSeat): void {
  const control = new Int32Array(seat.control, 0, headBytes / 4)
  Atomics.store(control, stopWord, 1)
  Atomics.add(control, roundWord, 1)
  Atomics.notify(control, roundWord)
}

export class MateLostError extends WeightlessError {
  constructor(facts: { busy: number }) {
    super('tensor/mate-lost', 'A mate thread of the engine does not answer.', facts, {
      hint: 'Restart the service; the engine also works without mates.',
    })
  }
}
