/** The story that all store scenarios share: work on a disk, lose power, have power again, look at what is left. */
import type { Env } from '@weightless/env'
import { createSim, type FaultName, type Sim } from '@weightless/env/sim'

export type Round = {
  /** Opens what the disk holds and checks it against what was promised; then works until it is done or the power fails. */
  work(env: Env, sim: Sim): Promise<void>
}

/**
 * Rounds on one host. In each the host dies at a random changing disk operation, or survives and is ended by `kill -9`;
 * in some, the disk returns errors. The last round is calm, so that whatever was hidden is looked at.
 */
export async function runCrashRounds(seed: number, onSim: (sim: Sim) => void, { work }: Round): Promise<void> {
  const sim = createSim({ seed })
  onSim(sim)
  for (let round = 0; round < roundsMax; round++) {
    const isCalm = round === roundsMax - 1
    const env = sim.boot('a')
    sim.faults.sectorLossChance = 0.3
    sim.faults.diskErrorChance = !isCalm && sim.random.chance(0.3) ? 0.03 : 0
    sim.faults.diskFullChance = !isCalm && sim.random.chance(0.2) ? 0.03 : 0
    if (!isCalm) sim.disk('a').crashAtChange(1 + sim.random.integer(40))
    await sim.run(Promise.race([work(env, sim), sim.whenDown('a')]))
    if (sim.random.chance(0.5)) sim.kill('a')
    else sim.crash('a')
    sim.disk('a').crashAtChange(0)
  }
}

/** Whether an error is one of those that the rounds inject, or what the code under test must make of one. */
export function isInjected(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  return ['env/disk', 'env/disk-full', 'store/log-failed', 'store/sorted-full'].includes(code)
}

/** What each scenario of rounds must meet. */
export const crashFaults: readonly FaultName[] = [
  ...([
    'crash',
    'kill',
    'restart',
    'write torn',
    'write forgotten',
    'sectors lost',
    'disk error',
    'disk full',
  ] as const),
]

const roundsMax = 7
