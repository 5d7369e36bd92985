/**
 * The provider's write-ahead log: every receipt with its opening, every voucher and every settlement, durable before
 * anybody is told; the book is folded from it on opening. Spec: COMPUTE §8.
 */
import { bytesToText, type Hex, textToBytes } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import { openSegmentLog } from '@weightless/store'
import { readIntegers, withIntegers } from '../wire/loggedIntegers.ts'
import type { Authorization, VoucherNote } from '../wire/payment.ts'
import { type AccountBook, type BookRecord, createAccountBook, type VoucherFault, voucherFault } from './accountBook.ts'
import { createPlaceIndex } from './placeIndex.ts'

/** All that belongs to one answered job. */
export type StoredJob = {
  jobId: string
  user: Hex
  jobNonce: bigint
  receiptHash: Hex
  /** JSON of the bundle, RECEIPT §6. */
  bundle: UnsignedBundle
  /** The user's word for it; undefined on the SDK path. Jobs on account have no signature. */
  authorization: { authorization: Authorization; signature?: Hex | undefined } | undefined
  /** `sha256(request):sha256(response)` of the bytes on the wire; signed when somebody asks. COMPUTE §6.3 */
  exchange: { text: string }
}

/** A bundle as JSON; the signature is made when somebody asks for it. */
export type UnsignedBundle = { version: number; settlement: Hex; receipt: unknown; signature?: Hex; opening: unknown }

export type JobLog = {
  book: AccountBook
  /** Durable when it resolves. */
  addReceipt(record: Extract<BookRecord, { kind: 'receipt' }>, job: StoredJob): Promise<void>
  /** Takes a voucher if the book as it then stands allows it; durable when it resolves without a fault. */
  addVoucher(note: VoucherNote): Promise<VoucherFault | undefined>
  /** Collects what is unsettled on the provider's word into one batch; durable when it resolves. */
  addSdkBatch(user: Hex, nonce: bigint): Promise<void>
  /** Durable when it resolves. */
  add(record: Extract<BookRecord, { kind: 'settled' | 'claim' | 'sdkSettled' | 'consent' | 'accepted' }>): Promise<void>
  /** Resolves when all that was added before is in the book. */
  written(): Promise<void>
  find(jobId: string): Promise<StoredJob | undefined>
  findByNonce(user: Hex, jobNonce: bigint): Promise<StoredJob | undefined>
  /** Notes the numbers of jobs that the process before this one still answers; durable when it resolves. COMPUTE §12.2 */
  addElsewhere(jobs: readonly { user: Hex; jobNonce: bigint }[]): Promise<void>
  /** Whether the number is of such a job, of which no receipt has come. */
  isElsewhere(user: Hex, jobNonce: bigint): boolean
  /** Whether a job with this number was answered, or is another process's to answer. */
  hasNonce(user: Hex, jobNonce: bigint): boolean
  findByReceipt(receiptHash: Hex): Promise<StoredJob | undefined>
  close(): Promise<void>
}

const segmentBytesMax = 64 * 1024 * 1024
/** Jobs whose receipts are likely to be asked for in a moment, kept beside the log; longer ones are read again. */
const recentJobsMax = 512
const recentBytesMax = 16 * 1024

export async function openJobLog(disk: Disk, folder: string): Promise<JobLog> {
  const book = createAccountBook()
  const places = createPlaceIndex()
  const elsewhere = new Set<string>()
  const index = (record: BookRecord, place: number) => {
    book.apply(record)
    if (record.kind === 'elsewhere') elsewhere.add(nonceKey(record.user, record.jobNonce))
    if (record.kind !== 'receipt') return
    elsewhere.delete(nonceKey(record.user, record.jobNonce))
    places.set(record.jobId, place)
    places.set(nonceKey(record.user, record.jobNonce), place)
    places.set(record.receiptHash, place)
  }
  const log = await openSegmentLog(disk, folder, {
    segmentBytesMax,
    onRecord: (position, payload) => index(decodeEntry(payload).record, position),
  })

  const recent = new Map<number, StoredJob>()
  const remember = (position: number, job: StoredJob, byteCount: number) => {
    if (byteCount > recentBytesMax) return
    recent.set(position, job)
    if (recent.size > recentJobsMax) recent.delete(recent.keys().next().value!)
  }

  let queue: Promise<unknown> = Promise.resolve()

  /** `make` sees the book with every earlier record in it; so the order of the log is the order of the book. */
  async function write(make: () => { record: BookRecord; job?: StoredJob } | undefined): Promise<void> {
    const written = queue.then(async () => {
      const made = make()
      if (!made) return false
      const bytes = encodeEntry(made.record, made.job)
      const [position] = await log.append([bytes])
      index(made.record, position!)
      if (made.job) remember(position!, made.job, bytes.length)
      return true
    })
    queue = written.catch(() => undefined)
    // Outside the queue: writers that arrive together share one flush.
    if (await written) await log.sync()
  }

  async function read(key: string): Promise<StoredJob | undefined> {
    const place = places.get(key)
    return place === undefined ? undefined : (recent.get(place) ?? decodeEntry(await log.read(place)).job)
  }

  return {
    book,
    addReceipt: (record, job) => write(() => ({ record, job })),
    add: (record) => write(() => ({ record })),
    async addVoucher({ voucher, signature, receipts }) {
      let fault: VoucherFault | undefined
      await write(() => {
        fault = voucherFault(book.of(voucher.user), { voucher, signature }, receipts)
        return fault ? undefined : { record: { kind: 'voucher', voucher, signature, receipts } }
      })
      return fault
    },
    addSdkBatch: (user, nonce) =>
      write(() => {
        const { sdkUnsettled: fee, sdkRequestsHash: requestsHash } = book.of(user)
        return { record: { kind: 'sdkBatch', user, nonce, fee, requestsHash } }
      }),
    written: async () => void (await queue),
    find: read,
    findByNonce: (user, jobNonce) => read(nonceKey(user, jobNonce)),
    async addElsewhere(jobs) {
      const open = jobs.filter(({ user, jobNonce }) => !places.has(nonceKey(user, jobNonce)))
      await Promise.all(
        open.map(({ user, jobNonce }) => write(() => ({ record: { kind: 'elsewhere', user, jobNonce } }))),
      )
    },
    isElsewhere: (user, jobNonce) => elsewhere.has(nonceKey(user, jobNonce)),
    hasNonce: (user, jobNonce) => places.has(nonceKey(user, jobNonce)) || elsewhere.has(nonceKey(user, jobNonce)),
    findByReceipt: read,
    close: () => log.close(),
  }
}

const nonceKey = (user: Hex, jobNonce: bigint): string => `${user}/${jobNonce}`

/** Two JSON texts in an array, because free text in the job must not meet the integer notation of the record. */
export function encodeEntry(record: BookRecord, job: StoredJob | undefined): Uint8Array {
  const { bundle, ...rest } = job ?? { bundle: undefined }
  const restText = job ? JSON.stringify(withIntegers(rest)) : null
  return textToBytes(JSON.stringify([JSON.stringify(withIntegers(record)), restText, bundle ?? null]))
}

export function decodeEntry(bytes: Uint8Array): { record: BookRecord; job: StoredJob | undefined } {
  const [record, rest, bundle] = JSON.parse(bytesToText(bytes)) as [string, string | null, unknown]
  return {
    record: readIntegers(record) as BookRecord,
    job: rest === null ? undefined : ({ ...(readIntegers(rest) as object), bundle } as StoredJob),
  }
}
