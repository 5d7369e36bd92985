/** What a scenario is: a world built and broken under one seed, and what must hold in it. */
import type { FaultName, Sim } from '@weightless/env/sim'

export type Scenario = {
  /** `service/story`, as given to `--scenario`. */
  name: string
  /** One sentence: what must hold. */
  claim: string
  /** Bugs which, planted, this scenario must find within 200 seeds. */
  plants: readonly string[]
  /** Faults of which each must fire within 20 seeds: a scenario that does not meet what it claims to survive shows nothing. */
  fires?: readonly FaultName[]
  /** A run takes a second rather than a tenth of one: three times fewer seeds when all scenarios run. */
  isLong?: boolean
  /** Builds the world and runs the story; returns its world. @throws {ClaimBrokenError} or any fault of the code under test */
  run(seed: number, onSim: (sim: Sim) => void): Promise<void>
}

export function claim(holds: boolean, what: string): asserts holds {
  if (!holds) throw new ClaimBrokenError(what)
}

/** What must always hold did not. */
class ClaimBrokenError extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'ClaimBrokenError'
  }
}
