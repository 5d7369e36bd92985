/** The main of a mate thread: waits for a round, runs its call, reports, until it is dismissed. */
import { instantiateShared } from '../kernels/loadKernels.ts'
import { busyWord, callKernel, callOf, type MateInput, readyWord, roundWord, sharedKernels, stopWord } from './crew.ts'

export default async function runMate(_port: unknown, input: unknown): Promise<void> {
  const { seat, index } = input as MateInput
  const kernels = await instantiateShared(seat.memory)
  const control = new Int32Array(seat.control, 0, 4)
  const call = callOf(seat, index)
  let round = Atomics.load(control, roundWord)
  Atomics.add(control, readyWord, 1)
  for (;;) {
    Atomics.wait(control, roundWord, round)
    const next = Atomics.load(control, roundWord)
    if (next === round) continue
    round = next
    if (Atomics.load(control, stopWord) === 1) return
    const kernel = sharedKernels[call[0]!]
    if (kernel === undefined) continue
    callKernel(kernels, kernel, Array.from(call.subarray(2, 2 + call[1]!)))
    Atomics.sub(control, busyWord, 1)
    Atomics.notify(control, busyWord)
  }
}
