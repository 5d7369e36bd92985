/**
 * Several threads on one model. In each round the lead lists calls of kernels; it and its mates take one after another until
 * none is left, so a thread that the system holds up delays its own call alone. No sum is ever split between calls: the bits
 * do not depend on who takes which.
 */
import { WeightlessError } from '@weightless/codec'
import { type Caller, callValues } from './callKernel.ts'

/**
 * What every thread of a crew is given; it can be sent to workers. Make one with `createCrewSeat`, start `mateCount` threads
 * on `mateModule` with `{ seat, index }` (index from 0), and pass the seat to `loadModel`.
 */
export type CrewSeat = { memory: WebAssembly.Memory; control: SharedArrayBuffer; mateCount: number }

export type MateInput = { seat: CrewSeat; index: number }

/** The module whose default export is a mate's main: `(port, input: MateInput)`, as `Tasks.open` calls it. */
export const mateModule: URL = new URL('./runMate.ts', import.meta.url)

/**
 * Control block in u32 words: round (mates sleep on it), ticket, calls not yet done, stop, mates ready; then the calls.
 * The ticket is the round (16 bits), the number of its calls (8) and the next call to take (8) in one word, so that whoever
 * comes late to a round can take nothing from the next.
 */
export const roundWord = 0
const ticketWord = 1
const openWord = 2
export const stopWord = 3
export const readyWord = 4
const headBytes = 64
/** Leaves room in eight bits for the vain attempts of all mates. */
export const callsMax = 128
const matesMax = 16
const answerMsMax = 30_000

export function createCrewSeat(mateCount: number): CrewSeat {
  const count = Math.max(0, Math.min(matesMax, mateCount))
  return {
    memory: new WebAssembly.Memory({ initial: 1, maximum: 65_536, shared: true }),
    control: new SharedArrayBuffer(headBytes + callsMax * callValues * 8),
    mateCount: count,
  }
}

export type Crew = {
  /** Threads that work now, the caller among them: 1 until every mate has started. */
  size(): number
  /** Room for `callsMax` calls. */
  table: Float64Array
  /** Has the first `count` calls of the table made, in any order and by any thread; returns when all are done. */
  run(count: number): void
}

/** The lead's side. Blocks the calling thread while mates finish, so it belongs in a worker. */
export function leadCrew(seat: CrewSeat, caller: Caller): Crew {
  const control = controlOf(seat)
  const table = tableOf(seat)
  let round = 0
  return {
    table,
    size: () => (Atomics.load(control, readyWord) === seat.mateCount ? 1 + seat.mateCount : 1),
    run(count) {
      round = (round + 1) & 0xffff
      Atomics.store(control, openWord, count)
      Atomics.store(control, ticketWord, (round << 16) | (count << 8))
      Atomics.add(control, roundWord, 1)
      Atomics.notify(control, roundWord)
      takeCalls(control, table, caller, 0)
      waitForMates(control)
    },
  }
}

/** Makes calls of the round until all are taken. */
export function takeCalls(control: Int32Array, table: Float64Array, caller: Caller, member: number): void {
  for (;;) {
    const ticket = Atomics.add(control, ticketWord, 1)
    const index = ticket & 0xff
    if (index >= ((ticket >> 8) & 0xff)) return
    caller.call(table, index, member)
    if (Atomics.sub(control, openWord, 1) === 1) Atomics.notify(control, openWord)
  }
}

export function controlOf({ control }: CrewSeat): Int32Array {
  return new Int32Array(control, 0, headBytes / 4)
}

export function tableOf({ control }: CrewSeat): Float64Array {
  return new Float64Array(control, headBytes, callsMax * callValues)
}

/** Spins briefly, since calls are short and mates end at nearly the same time, then sleeps. */
function waitForMates(control: Int32Array): void {
  for (let spin = 0; spin < 20_000; spin++) if (Atomics.load(control, openWord) === 0) return
  for (let open = Atomics.load(control, openWord); open > 0; open = Atomics.load(control, openWord)) {
    if (Atomics.wait(control, openWord, open, answerMsMax) === 'timed-out') throw new MateLostError({ open })
  }
}

/** Ends the mates' threads. */
export function dismissCrew(seat: CrewSeat): void {
  const control = controlOf(seat)
  Atomics.store(control, stopWord, 1)
  Atomics.add(control, roundWord, 1)
  Atomics.notify(control, roundWord)
}

export class MateLostError extends WeightlessError {
  constructor(facts: { open: number }) {
    super('tensor/mate-lost', 'A mate thread of the engine does not answer.', facts, {
      hint: 'Restart the service; the engine also works without mates.',
    })
  }
}
