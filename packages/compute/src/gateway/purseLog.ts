/** What a gateway remembers across restarts: receipts that it was given, vouchers that it signed. COMPUTE §10.8 */
import { bytesToText, type Hex, textToBytes } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import type { ProvableFault } from '@weightless/receipt'
import { openSegmentLog } from '@weightless/store'
import { createPlaceIndex } from '../settlement/placeIndex.ts'
import { readIntegers, withIntegers } from '../wire/loggedIntegers.ts'
import type { VoucherNote } from '../wire/payment.ts'
import { createOpenJobs, type OpenJob, type OpenJobs } from './openJobs.ts'
import { createUsageBook, type UsageBook } from './usage/usageBook.ts'

export type PaidJob = {
  jobId: string
  user: Hex
  provider: Hex
  jobNonce: bigint
  receiptHash: Hex
  fee: bigint
  /** The API key that asked; logs of before there were several do not say. */
  keyId?: string | undefined
  model?: string
  promptTokens?: bigint
  completionTokens?: bigint
  atMs?: number
}

/** A receipt that was not paid and that shows a fault of its provider on chain. */
export type ShownFault = {
  jobId: string
  user: Hex
  provider: Hex
  jobNonce: bigint
  keyId: string | undefined
  kind: ProvableFault['kind']
  atMs: number
}

export type PurseRecord =
  | { kind: 'job'; job: PaidJob; bundle: unknown }
  | { kind: 'fault'; fault: ShownFault; bundle: unknown }
  | { kind: 'voucher'; note: VoucherNote }
  | { kind: 'open'; open: OpenJob }
  | { kind: 'closed'; user: Hex; provider: Hex; jobNonce: bigint }

export type PurseLog = {
  /** Durable when it resolves. */
  add(record: PurseRecord): Promise<void>
  /** The same for several with one flush. */
  addAll(records: readonly PurseRecord[]): Promise<void>
  /** Written before it resolves, so that a kill loses nothing; flushed with the next receipt. */
  note(record: PurseRecord): Promise<void>
  openJobs: Pick<OpenJobs, 'keyOf' | 'leaveOpen' | 'leftOpen'>
  usage: UsageBook
  /** JSON of a bundle by job id or receipt hash, for the key that asked only. */
  bundle(user: Hex, keyId: string, id: string): Promise<{ bundle: unknown; provider: Hex } | undefined>
  /** Faults shown to a key, the newest first. */
  faults(user: Hex, keyId: string): ShownFault[]
  /** JSON of the bundle that shows one of them. */
  faultBundle(user: Hex, keyId: string, jobId: string): Promise<unknown>
  /** Last voucher for a pair. */
  voucher(user: Hex, provider: Hex): VoucherNote | undefined
  /** Job nonce of the newest voucher that lists a receipt. */
  vouchedUnder(receiptHash: Hex): bigint | undefined
  /** Highest job nonce known for a pair. */
  jobNonce(user: Hex, provider: Hex): bigint
  close(): Promise<void>
}

/** Faults that are remembered, of all keys together. */
const faultsMax = 1_024

export async function openPurseLog(disk: Disk, folder: string): Promise<PurseLog> {
  const places = createPlaceIndex()
  const vouchers = new Map<string, VoucherNote>()
  const nonces = new Map<string, bigint>()
  const usage = createUsageBook()
  const openJobs = createOpenJobs()
  const vouched = createVouched()
  const faults = new Map<string, ShownFault & { position: number }>()
  const isOf = (fault: ShownFault | undefined, user: Hex, keyId: string) =>
    fault?.user === user && (fault.keyId ?? keyId) === keyId

  function index(record: PurseRecord, position: number): void {
    if (record.kind === 'voucher') {
      const { user, provider, jobNonce } = record.note.voucher
      vouchers.set(pair(user, provider), record.note)
      raise(nonces, pair(user, provider), jobNonce)
      for (const receiptHash of record.note.receipts) vouched.set(receiptHash, jobNonce)
      return
    }
    if (record.kind === 'open') {
      openJobs.open(record.open)
      raise(nonces, pair(record.open.user, record.open.provider), record.open.jobNonce)
      return
    }
    if (record.kind === 'fault') {
      faults.set(record.fault.jobId, { ...record.fault, position })
      if (faults.size > faultsMax) faults.delete(faults.keys().next().value!)
      return
    }
    if (record.kind === 'closed') return openJobs.close(record)
    const { jobId, receiptHash, user, provider, jobNonce, fee, keyId, atMs = 0 } = record.job
    const { model = '', promptTokens = 0n, completionTokens = 0n } = record.job
    // A receipt that is fetched again after a crash is the same spending.
    if (!places.has(receiptHash)) usage.add({ keyId, user, provider, model, promptTokens, completionTokens, fee, atMs })
    openJobs.close(record.job)
    places.set(jobId, position)
    places.set(receiptHash, position)
    raise(nonces, pair(user, provider), jobNonce)
  }

  const log = await openSegmentLog(disk, folder, { onRecord: (position, bytes) => index(decode(bytes), position) })
  // Whatever the process before us did not see through.
  openJobs.leaveAll()
  async function note(records: readonly PurseRecord[]): Promise<void> {
    const positions = await log.append(records.map(encode))
    for (const [at, record] of records.entries()) index(record, positions[at]!)
  }
  async function addAll(records: readonly PurseRecord[]): Promise<void> {
    if (records.length === 0) return
    await note(records)
    await log.sync()
  }

  return {
    usage,
    openJobs,
    note: (record) => note([record]),
    add: (record) => addAll([record]),
    addAll,
    async bundle(user, keyId, id) {
      const place = places.get(id)
      const record = place === undefined ? undefined : decode(await log.read(place))
      if (record?.kind !== 'job' || record.job.user !== user || (record.job.keyId ?? keyId) !== keyId) return undefined
      return { bundle: record.bundle, provider: record.job.provider }
    },
    faults: (user, keyId) =>
      [...faults.values()]
        .filter((fault) => isOf(fault, user, keyId))
        .map(({ position: _, ...fault }) => fault)
        .reverse(),
    async faultBundle(user, keyId, jobId) {
      const fault = faults.get(jobId)
      if (!fault || !isOf(fault, user, keyId)) return undefined
      const record = decode(await log.read(fault.position))
      return record.kind === 'fault' ? record.bundle : undefined
    },
    voucher: (user, provider) => vouchers.get(pair(user, provider)),
    vouchedUnder: (receiptHash) => vouched.get(receiptHash),
    jobNonce: (user, provider) => nonces.get(pair(user, provider)) ?? 0n,
    close: () => log.close(),
  }
}

/** Job nonces of vouchers by receipt hash; those above 2^53, which only a hostile provider brings about, stand apart. */
function createVouched() {
  const near = createPlaceIndex()
  const far = new Map<Hex, bigint>()
  return {
    set(receiptHash: Hex, jobNonce: bigint): void {
      if (jobNonce <= Number.MAX_SAFE_INTEGER) near.set(receiptHash, Number(jobNonce))
      else far.set(receiptHash, jobNonce)
    },
    get(receiptHash: Hex): bigint | undefined {
      const nonce = near.get(receiptHash)
      return far.get(receiptHash) ?? (nonce === undefined ? undefined : BigInt(nonce))
    },
  }
}

const pair = (user: Hex, provider: Hex): string => `${user}/${provider}`

function raise(nonces: Map<string, bigint>, key: string, jobNonce: bigint): void {
  if (jobNonce > (nonces.get(key) ?? 0n)) nonces.set(key, jobNonce)
}

/** The bundle's free text stays apart from the notation of integers. */
function encode(record: PurseRecord): Uint8Array {
  const { bundle, ...rest } = 'bundle' in record ? record : { ...record, bundle: null }
  return textToBytes(JSON.stringify([JSON.stringify(withIntegers(rest)), bundle]))
}

function decode(bytes: Uint8Array): PurseRecord {
  const [plain, bundle] = JSON.parse(bytesToText(bytes)) as [string, unknown]
  const record = readIntegers(plain) as PurseRecord
  return record.kind === 'job' || record.kind === 'fault' ? { ...record, bundle } : record
}
