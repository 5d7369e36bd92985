/** Jobs that were signed for and of which no receipt has come yet: whose key they are, and which count against its budget. COMPUTE §10.5 */
import type { Hex } from '@weightless/codec'

type JobName = { user: Hex; provider: Hex; jobNonce: bigint }

/** By it a receipt finds its key, and a budget its hold, even after a kill. */
export type OpenJob = JobName & { keyId: string; maxFee: bigint; deadlineMs: number }

export type OpenJobs = {
  open(job: OpenJob): void
  close(job: JobName): void
  /** All that are open now were left so by the process before this one. */
  leaveAll(): void
  /** The key that a job was signed for. */
  keyOf(user: Hex, provider: Hex, jobNonce: bigint): string | undefined
  /** Nobody knows what became of it: it counts against its key until its authorisation has ended. */
  leaveOpen(user: Hex, provider: Hex, jobNonce: bigint): void
  /** Wei of such jobs of a key. */
  leftOpen(keyId: string, nowMs: number): bigint
}

export function createOpenJobs(): OpenJobs {
  const jobs = new Map<string, OpenJob>()
  const left = new Map<string, Map<string, OpenJob>>()

  function leave(job: OpenJob): void {
    const ofKey = left.get(job.keyId) ?? new Map<string, OpenJob>()
    left.set(job.keyId, ofKey.set(nameOf(job), job))
  }

  function close(name: JobName): void {
    const job = jobs.get(nameOf(name))
    if (!job) return
    jobs.delete(nameOf(name))
    const ofKey = left.get(job.keyId)
    ofKey?.delete(nameOf(name))
    if (ofKey?.size === 0) left.delete(job.keyId)
  }

  return {
    open: (job) => void jobs.set(nameOf(job), job),
    close,
    leaveAll() {
      for (const job of jobs.values()) leave(job)
    },
    keyOf: (user, provider, jobNonce) => jobs.get(nameOf({ user, provider, jobNonce }))?.keyId,
    leaveOpen(user, provider, jobNonce) {
      const job = jobs.get(nameOf({ user, provider, jobNonce }))
      if (job) leave(job)
    },
    leftOpen(keyId, nowMs) {
      let sum = 0n
      for (const job of [...(left.get(keyId)?.values() ?? [])]) {
        if (job.deadlineMs < nowMs) close(job)
        else sum += job.maxFee
      }
      return sum
    },
  }
}

const nameOf = ({ user, provider, jobNonce }: JobName): string => `${user}/${provider}/${jobNonce}`
