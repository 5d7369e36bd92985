/**
 * The jobs of one user with one provider that are answered and not paid: their receipts are asked for together, and one
 * voucher pays them together, in the same exchange that asks for the next ones. COMPUTE §7.5
 */
import type { Clock } from '@weightless/env'
import type { Acceptance, Bundle } from '@weightless/receipt'
import { type JobTerms, settledJobsMax } from '../wire/payment.ts'

export type Delivered = {
  jobId: string
  /** The provider's word for the job, where it was asked for: it is kept with the receipt. */
  acceptance: Acceptance | undefined
  /** Why what was delivered is not what the bundle says; undefined when it is. */
  differs(bundle: Bundle): string | undefined
}

export type JobSettler = {
  /**
   * Resolves when the job is receipted, checked, written down and paid; undefined when the provider has no receipt for
   * it: nothing was emitted, nothing is owed.
   */
  settle(terms: JobTerms, delivered: Delivered): Promise<Bundle | undefined>
}

export type JobSettlerOptions = {
  clock: Clock
  /** Milliseconds in which answers gather before an exchange. */
  gatherMs: number
  /** Hands over a voucher for all that is owed and fetches receipts by job nonce; those not there yet are missing. */
  exchange(jobNonces: readonly bigint[]): Promise<Map<bigint, Bundle>>
  /** Checks receipts and notes what they cost; says for each what is wrong with it. */
  keep(jobs: readonly ReceiptedJob[]): Promise<(Error | undefined)[]>
  /** The two do not agree any more. */
  onFault(): void
}

export type ReceiptedJob = { terms: JobTerms; delivered: Delivered; bundle: Bundle }

type Waiting = {
  terms: JobTerms
  delivered: Delivered
  attempts: number
  notBeforeMs: number
  resolve(bundle: Bundle | undefined): void
  reject(fault: unknown): void
}

/** A provider writes the receipt of a client that left only after it noticed. */
const attemptsMax = 20
const retryMs = 150

export function createJobSettler({ clock, gatherMs, exchange, keep, onFault }: JobSettlerOptions): JobSettler {
  let waiting: Waiting[] = []
  /** Checked and written down; the next exchange pays them. */
  let unpaid: (() => void)[] = []
  let unpaidFailed: ((fault: unknown) => void)[] = []
  let running = false

  async function run(): Promise<void> {
    while (waiting.length > 0 || unpaid.length > 0) {
      // Enough for an exchange waits for no more: if answers ended faster than they are paid, the provider would refuse jobs.
      if (dueJobs().length < settledJobsMax) await clock.sleep(gatherMs)
      const due = takeDue()
      if (due.length === 0 && unpaid.length === 0) continue
      await settleRound(due)
    }
  }

  function dueJobs(): Waiting[] {
    const nowMs = clock.monotonicMs()
    return waiting.filter(({ notBeforeMs }) => notBeforeMs <= nowMs)
  }

  function takeDue(): Waiting[] {
    const due = dueJobs().slice(0, settledJobsMax)
    const taken = new Set(due)
    waiting = waiting.filter((job) => !taken.has(job))
    return due
  }

  async function settleRound(due: readonly Waiting[]): Promise<void> {
    const [paying, failing] = [unpaid, unpaidFailed]
    unpaid = []
    unpaidFailed = []
    try {
      const bundles = await exchange(due.map(({ terms }) => terms.authorization.jobNonce))
      for (const resolve of paying) resolve()
      await keepReceipted(due, bundles)
    } catch (fault) {
      // What went wrong half-way is put right when the two agree anew.
      onFault()
      for (const reject of failing) reject(fault)
      for (const { reject } of due) reject(fault)
    }
  }

  async function keepReceipted(due: readonly Waiting[], bundles: Map<bigint, Bundle>): Promise<void> {
    const receipted: (Waiting & { bundle: Bundle })[] = []
    for (const job of due) {
      const bundle = bundles.get(job.terms.authorization.jobNonce)
      if (bundle) receipted.push({ ...job, bundle: withAcceptance(bundle, job.delivered.acceptance) })
      else askAgain(job)
    }
    if (receipted.length === 0) return
    const faults = await keep(receipted)
    for (const [index, job] of receipted.entries()) {
      const fault = faults[index]
      if (fault) {
        onFault()
        job.reject(fault)
      } else {
        unpaid.push(() => job.resolve(job.bundle))
        unpaidFailed.push(job.reject)
      }
    }
  }

  function askAgain(job: Waiting): void {
    job.attempts++
    job.notBeforeMs = clock.monotonicMs() + retryMs
    if (job.attempts >= attemptsMax) job.resolve(undefined)
    else waiting.push(job)
  }

  return {
    settle(terms, delivered) {
      return new Promise((resolve, reject) => {
        waiting.push({ terms, delivered, attempts: 0, notBeforeMs: 0, resolve, reject })
        if (running) return
        running = true
        void run().finally(() => {
          running = false
        })
      })
    },
  }
}

/** The bundle with what the provider accepted before the job; what it writes there itself says nothing. */
export function withAcceptance(
  { settlement, receipt, signature, opening }: Bundle,
  acceptance: Acceptance | undefined,
): Bundle {
  return { settlement, receipt, signature, opening, ...(acceptance && { acceptance }) }
}
