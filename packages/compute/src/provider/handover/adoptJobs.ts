/** Jobs that the process before this one still answers: their numbers and money are kept until their receipts come, or it has ended. COMPUTE §12.2 */
import type { Hex } from '@weightless/codec'
import type { Clock } from '@weightless/env'
import type { Holds } from '../../admission/holds.ts'
import type { JobLog } from '../../settlement/jobLog.ts'
import type { RunningJob } from '../runningJobs.ts'

export type AdoptedJobs = {
  /** Ends what is held for it; nothing happens for others. */
  release(user: Hex, jobNonce: bigint): void
  close(): void
}

export type Adoption = { jobs: readonly RunningJob[]; endsInMs: number }

/** Resolves when all numbers are taken for good. */
export async function adoptJobs(
  log: JobLog,
  holds: Holds,
  clock: Clock,
  { jobs, endsInMs }: Adoption,
): Promise<AdoptedJobs> {
  await log.addElsewhere(jobs)
  const held = new Map<string, () => void>()
  for (const { user, jobNonce, maxFee } of jobs) held.set(keyOf(user, jobNonce), holds.keep(user, maxFee))
  const releaseAll = () => {
    for (const release of held.values()) release()
    held.clear()
  }
  const stop = new AbortController()
  clock.sleep(endsInMs, stop.signal).then(releaseAll, () => undefined)
  return {
    release(user, jobNonce) {
      held.get(keyOf(user, jobNonce))?.()
      held.delete(keyOf(user, jobNonce))
    },
    close() {
      stop.abort()
      releaseAll()
    },
  }
}

const keyOf = (user: Hex, jobNonce: bigint): string => `${user.toLowerCase()}/${jobNonce}`
