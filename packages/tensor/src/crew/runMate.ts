/** The main of a mate thread: waits for a round, takes calls of it, until it is dismissed. */
import { instantiateShared } from '../kernels/loadKernels.ts'
import { createCaller } from './callKernel.ts'
import { controlOf, type MateInput, readyWord, roundWord, stopWord, tableOf, takeCalls } from './crew.ts'

/** Looks for the next round this often before sleeping: rounds of a pass follow each other faster than the system wakes. */
const spinsMax = 20_000

export default async function runMate(_port: unknown, input: unknown): Promise<void> {
  const { seat, index } = input as MateInput
  const caller = createCaller(await instantiateShared(seat.memory), seat.memory)
  const control = controlOf(seat)
  const table = tableOf(seat)
  let round = Atomics.load(control, roundWord)
  Atomics.add(control, readyWord, 1)
  for (;;) {
    round = waitForRound(control, round)
    if (Atomics.load(control, stopWord) === 1) return
    takeCalls(control, table, caller, index + 1)
  }
}

function waitForRound(control: Int32Array, last: number): number {
  for (let spin = 0; spin < spinsMax; spin++) {
    const round = Atomics.load(control, roundWord)
    if (round !== last) return round
  }
  while (Atomics.load(control, roundWord) === last) Atomics.wait(control, roundWord, last)
  return Atomics.load(control, roundWord)
}
