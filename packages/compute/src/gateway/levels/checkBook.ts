/** What came of the checks that requests bought, by the job's id, for the key that asked. Spec: COMPUTE §10.10 */
import type { VerificationLevel } from '../../wire/verificationLevel.ts'

/**
 * `pending`: not known yet. `not-drawn`: chance passed it over. `agreed`: executed again, or by another, with the same bits.
 * `differs`: it is wrong, or one of those that differ. `unfinished`: the check could not be made, which says nothing.
 */
export type CheckOutcome = 'pending' | 'not-drawn' | 'agreed' | 'differs' | 'unfinished'

export type Check = {
  keyId: string
  wanted: VerificationLevel
  outcome: CheckOutcome
  detail?: string
}

export type CheckBook = {
  note(jobId: string, check: Check): void
  of(keyId: string, jobId: string): Check | undefined
  /** Registers a check that runs, so that a closing gateway waits for it. */
  run(work: Promise<void>): void
  settled(): Promise<void>
}

/** The newest are known. */
const checksMax = 4_096

export function createCheckBook(): CheckBook {
  const checks = new Map<string, Check>()
  const running = new Set<Promise<void>>()
  return {
    note(jobId, check) {
      // Ids are the providers' words: nobody else's check is overwritten by one.
      if (checks.has(jobId) && checks.get(jobId)!.keyId !== check.keyId) return
      checks.delete(jobId)
      checks.set(jobId, check)
      if (checks.size > checksMax) checks.delete(checks.keys().next().value!)
    },
    of(keyId, jobId) {
      const check = checks.get(jobId)
      return check?.keyId === keyId ? check : undefined
    },
    run(work) {
      running.add(work)
      void work.finally(() => running.delete(work))
    },
    async settled() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
