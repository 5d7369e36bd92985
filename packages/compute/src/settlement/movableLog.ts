/**
 * The job log of a provider that another process may take over: it lets go of the files, has the receipts of its last jobs
 * brought to their new owner, and can take the files back. One process at a time writes. Spec: COMPUTE §12.2
 */
import { WeightlessError } from '@weightless/codec'
import type { AccountBook } from './accountBook.ts'
import type { JobLog } from './jobLog.ts'

/** Durable at the new owner when it resolves. */
export type Deliver = JobLog['addReceipt']

export type MovableLog = JobLog & {
  /**
   * Closes the files after all that was being written. From then on receipts go through `deliver`, and an acceptance waits until it is
   * `decided` who has the log: the new owner has its number as one that is answered elsewhere, which is as good. Nothing else goes.
   */
  letGo(deliver: Deliver, decided: () => Promise<void>): Promise<void>
  /** Opens the files again, as whoever had them meanwhile left them. */
  takeBack(): Promise<void>
  isGone(): boolean
}

/** @throws what `open` throws */
export async function openMovableLog(open: () => Promise<JobLog>): Promise<MovableLog> {
  let log = await open()
  let deliver: Deliver | undefined
  let whenDecided: (() => Promise<void>) | undefined
  const writing = new Set<Promise<unknown>>()

  const isGone = () => deliver !== undefined

  /** As long as the files are ours. @throws {ProviderMovedError} */
  function own<Result>(work: (log: JobLog) => Promise<Result>): Promise<Result> {
    if (deliver) return Promise.reject(new ProviderMovedError())
    const working = work(log)
    writing.add(working)
    const done = () => void writing.delete(working)
    working.then(done, done)
    return working
  }

  /** The same object for those who keep it, whatever log is behind it. */
  const book: AccountBook = {
    of: (user) => log.book.of(user),
    users: () => log.book.users(),
    apply: (record) => log.book.apply(record),
  }
  return {
    book,
    addReceipt: (record, job) => (deliver ? deliver(record, job) : own((it) => it.addReceipt(record, job))),
    addVoucher: (note) => own((it) => it.addVoucher(note)),
    addSdkBatch: (user, nonce) => own((it) => it.addSdkBatch(user, nonce)),
    async add(record) {
      if (isGone() && record.kind === 'accepted') {
        await whenDecided?.()
        if (isGone()) return
      }
      await own((it) => it.add(record))
    },
    addElsewhere: (jobs) => own((it) => it.addElsewhere(jobs)),
    written: () => own((it) => it.written()),
    find: (jobId) => own((it) => it.find(jobId)),
    findByNonce: (user, jobNonce) => own((it) => it.findByNonce(user, jobNonce)),
    findByReceipt: (receiptHash) => own((it) => it.findByReceipt(receiptHash)),
    hasNonce: (user, jobNonce) => log.hasNonce(user, jobNonce),
    isElsewhere: (user, jobNonce) => log.isElsewhere(user, jobNonce),
    isGone,
    async letGo(next, decided) {
      deliver = next
      whenDecided = decided
      await Promise.allSettled([...writing])
      await log.close()
    },
    async takeBack() {
      log = await open()
      deliver = undefined
    },
    close: async () => {
      if (!deliver) await log.close()
    },
  }
}

/** Whoever asked is to ask the process that took over. */
export class ProviderMovedError extends WeightlessError {
  constructor() {
    super('compute/provider-moved', 'Another process has taken this provider over.')
  }
}
