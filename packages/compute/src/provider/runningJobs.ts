/** The jobs of a provider that are neither answered nor given up: their numbers, and the most that each can cost. */
import type { Hex } from '@weightless/codec'

export type RunningJob = { user: Hex; jobNonce: bigint; maxFee: bigint }

/** Beside those in the log; a job is here from the moment it has a number until it is recorded or given up. */
export type RunningJobs = {
  /** Takes the next free number for a user who does not number jobs herself. */
  next(user: Hex, atLeast: bigint, maxFee: bigint): bigint
  /** False when a running job has the number. */
  take(job: RunningJob): boolean
  free(user: Hex, jobNonce: bigint): void
  /** Whether no job of the user is being admitted, waiting or running. */
  isIdle(user: Hex): boolean
  count(): number
  list(): RunningJob[]
}

export function createRunningJobs(): RunningJobs {
  const running = new Map<Hex, Map<bigint, RunningJob>>()
  const take = (job: RunningJob) => {
    const own = running.get(job.user) ?? new Map<bigint, RunningJob>()
    if (own.has(job.jobNonce)) return false
    running.set(job.user, own.set(job.jobNonce, job))
    return true
  }
  const list = () => [...running.values()].flatMap((own) => [...own.values()])
  return {
    take,
    list,
    isIdle: (user) => !running.has(user),
    count() {
      let sum = 0
      for (const own of running.values()) sum += own.size
      return sum
    },
    free(user, jobNonce) {
      const own = running.get(user)
      if (own?.delete(jobNonce) && own.size === 0) running.delete(user)
    },
    next(user, atLeast, maxFee) {
      let jobNonce = atLeast
      // At most as many steps as the user has running jobs, which is bounded.
      while (!take({ user, jobNonce, maxFee })) jobNonce++
      return jobNonce
    },
  }
}
