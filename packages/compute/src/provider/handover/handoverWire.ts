/** What two processes of one provider say to each other while one takes over: JSON over loopback, with the operator's token. COMPUTE §12.2 */
import { bytesToHex, type Hex, hexToBytes, isHexOf } from '@weightless/codec'
import { z } from 'zod'
import type { BookRecord } from '../../settlement/accountBook.ts'
import { decodeEntry, encodeEntry, type StoredJob } from '../../settlement/jobLog.ts'
import type { RunningJob } from '../runningJobs.ts'

export const handoverPaths = {
  begin: '/handover',
  confirm: '/handover/confirm',
  receipt: '/handover/receipt',
  released: '/handover/released',
} as const

const address = z.custom<Hex>((value) => typeof value === 'string' && isHexOf(value.toLowerCase(), 20))
const wei = z
  .string()
  .regex(/^\d{1,39}$/)
  .transform(BigInt)
const nonce = z
  .string()
  .regex(/^\d{1,17}$/)
  .transform(BigInt)

/** First line of the answer to `begin`: the log is free, and these numbers are being answered. */
export const letGoSchema = z.object({
  jobs: z.array(z.object({ user: address, jobNonce: nonce, maxFee: wei })).max(100_000),
  /** Until when they end, one way or another. */
  endsInMs: z.int().min(0),
})

export const confirmSchema = z.object({ url: z.url(), controlUrl: z.url() })
export const releasedSchema = z.object({ user: address, jobNonce: nonce })

export function writeLetGo(jobs: readonly RunningJob[], endsInMs: number): string {
  const told = jobs.map(({ user, jobNonce, maxFee }) => ({
    ...{ user, jobNonce: jobNonce.toString(), maxFee: maxFee.toString() },
  }))
  return `${JSON.stringify({ jobs: told, endsInMs })}\n`
}

export type ReceiptEntry = { record: Extract<BookRecord, { kind: 'receipt' }>; job: StoredJob }

/** As it stands in the log. */
export function writeReceipt({ record, job }: ReceiptEntry): string {
  return JSON.stringify({ entry: bytesToHex(encodeEntry(record, job)) })
}

/** Undefined where it is no receipt. */
export function readReceipt(body: unknown): ReceiptEntry | undefined {
  const { entry } = (body ?? {}) as { entry?: unknown }
  if (typeof entry !== 'string' || !/^0x(?:[0-9a-f]{2})+$/.test(entry)) return undefined
  try {
    const { record, job } = decodeEntry(hexToBytes(entry as Hex))
    if (record.kind !== 'receipt' || !job || job.user !== record.user || job.jobNonce !== record.jobNonce)
      return undefined
    return { record, job }
  } catch {
    // Cut or made up: no entry of any log.
    return undefined
  }
}
