/** Runs a scenario under one seed, and hunts for planted bugs. */
import type { FaultName, Sim } from '@weightless/env/sim'
import { plantBug } from '@weightless/store'
import type { Scenario } from './scenario.ts'

export type Outcome = {
  seed: number
  failure: unknown
  auditHash: string
  eventCount: number
  faultsFired: Readonly<Partial<Record<FaultName, number>>>
  logLines: readonly string[]
}

export async function runScenario(scenario: Scenario, seed: number): Promise<Outcome> {
  let sim: Sim | undefined
  let failure: unknown
  try {
    await scenario.run(seed, (made) => {
      sim = made
    })
  } catch (error) {
    failure = error
  }
  return {
    seed,
    failure,
    auditHash: sim?.auditHash() ?? '',
    eventCount: sim?.eventCount() ?? 0,
    faultsFired: sim?.faultsFired() ?? {},
    logLines: sim?.logLines() ?? [],
  }
}

/** The first seed of `seeds` under which the scenario finds the planted bug; undefined if none does. */
export async function huntPlantedBug(
  scenario: Scenario,
  bug: string,
  seeds: Iterable<number>,
): Promise<number | undefined> {
  const remove = plantBug(bug)
  try {
    for (const seed of seeds) if ((await runScenario(scenario, seed)).failure !== undefined) return seed
    return undefined
  } finally {
    remove()
  }
}
