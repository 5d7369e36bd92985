/**
 * Time of the next block, in seconds: the wall clock's, shifted by what devnet helpers asked for, never before the
 * parent. Several blocks may share a second, so that a busy chain does not run ahead of real time.
 */
import { WeightlessError } from '@weightless/codec'
import type { Clock } from '@weightless/env'

export type BlockTime = {
  /** The timestamp of a block on `parentSeconds`. */
  next(parentSeconds: number): number
  /** The same without using up what `setNext` asked for. */
  peek(parentSeconds: number): number
  /** Shifts all later blocks; returns the whole shift so far. */
  increase(seconds: number): number
  /** The next block gets exactly this time and later ones go on from there. @throws {BlockTimeError} */
  setNext(seconds: number, parentSeconds: number): void
  /** Later blocks go on from this time. */
  setNow(seconds: number): void
  shiftSeconds(): number
  restoreShift(seconds: number): void
}

/** A stored chain may be ahead of the clock (evm_increaseTime): it goes on from there. */
export function createBlockTime(clock: Clock, headSeconds: number): BlockTime {
  const wallSeconds = () => Math.floor(clock.nowMs() / 1000)
  let shift = Math.max(0, headSeconds - wallSeconds())
  let forced: number | undefined
  const peek = (parentSeconds: number) => forced ?? Math.max(parentSeconds, wallSeconds() + shift)
  return {
    peek,
    next(parentSeconds) {
      const seconds = peek(parentSeconds)
      if (forced !== undefined) shift = forced - wallSeconds()
      forced = undefined
      return seconds
    },
    increase(seconds) {
      shift += seconds
      return shift
    },
    setNext(seconds, parentSeconds) {
      if (seconds < parentSeconds) throw new BlockTimeError({ seconds, parentSeconds })
      forced = seconds
    },
    setNow(seconds) {
      shift = seconds - wallSeconds()
    },
    shiftSeconds: () => shift,
    restoreShift(seconds) {
      shift = seconds
      forced = undefined
    },
  }
}

export class BlockTimeError extends WeightlessError {
  constructor(facts: { seconds: number; parentSeconds: number }) {
    super('chain/block-time', 'A block cannot be earlier than its parent.', facts)
  }
}
