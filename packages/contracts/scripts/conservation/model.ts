/**
 * What a model of a contract's rules is, and how it is held against the contract: random sequences of steps, the same in
 * both, every wei accounted for after each step. Spec: spec/settlement.md 6, spec/market.md
 */
import fc from 'fast-check'
import { createRig, type Rig } from '../contractRig.ts'

type OpenRig = () => Promise<Rig>

export type Model<Stage extends { rig: Rig }, Step> = {
  name: string
  /** Rules that can be planted wrongly, by one second, wei or percent; a deviation that must be found. */
  plants: readonly string[]
  sequence: fc.Arbitrary<Step[]>
  /** The transactions before any sequence: accounts, registrations, first deposits. */
  prepare(openRig: OpenRig): Promise<Stage>
  /** Plays one sequence from there on. @throws {AssertionError} contract and model differ */
  play(stage: Stage, sequence: readonly Step[], plant: string | undefined): Promise<void>
  /** Throws unless the sequences, twenty or more, went where they should. */
  checkReached?(): void
}

export type ConservationOptions = {
  /** Sequences. */
  runs: number
  /** Drawn when absent; fast-check names it when it fails. */
  seed?: number
  openRig?: OpenRig
  plant?: string
  /** After each sequence, with its steps. */
  onPlayed?(stepCount: number): void
}

/** Each sequence begins from the same state: of a rig that can go back, the transactions before it are sent once. */
export async function runConservation<Stage extends { rig: Rig }, Step>(
  { sequence, prepare, play, checkReached }: Model<Stage, Step>,
  { runs, seed, openRig = () => createRig(), plant, onPlayed }: ConservationOptions,
): Promise<void> {
  const first = await prepare(openRig)
  const goBack = first.rig.evm.mark?.()
  let isFresh = true
  await fc.assert(
    fc.asyncProperty(sequence, async (steps) => {
      if (!isFresh) goBack?.()
      const stage = isFresh || goBack ? first : await prepare(openRig)
      isFresh = false
      await play(stage, steps, plant)
      onPlayed?.(steps.length)
    }),
    { numRuns: runs, endOnFailure: true, ...(seed === undefined ? {} : { seed }) },
  )
  if (runs >= 20) checkReached?.()
}

/**
 * Seconds to wait: half the time to just before, at or just after one of the moments at which something changes, where rules
 * are most easily wrong.
 */
export function secondsToWait(now: bigint, moments: readonly bigint[], pick: number): number {
  const ahead = moments.filter((moment) => moment > now)
  if (pick % 2 === 0 || ahead.length === 0) return pick >> 1
  const moment = ahead[(pick >> 3) % ahead.length]!
  return Number(moment - now) + ((pick >> 1) % 3) - 1
}
