/** What a gateway remembers across restarts: receipts that it was given, vouchers that it signed. COMPUTE §10.4 */
import { bytesToText, type Hex, textToBytes } from '@weightless/codec'
import type { Disk } from '@weightless/env'
import { openSegmentLog } from '@weightless/store'
import type { VoucherNote } from '../wire/payment.ts'

export type PaidJob = {
  jobId: string
  user: Hex
  provider: Hex
  jobNonce: bigint
  receiptHash: Hex
  fee: bigint
}

export type PurseRecord = { kind: 'job'; job: PaidJob; bundle: unknown } | { kind: 'voucher'; note: VoucherNote }

export type PurseLog = {
  /** Durable when it resolves. */
  add(record: PurseRecord): Promise<void>
  /** The same for several with one flush. */
  addAll(records: readonly PurseRecord[]): Promise<void>
  /** JSON of a bundle by job id or receipt hash, for its owner only. */
  bundle(user: Hex, id: string): Promise<{ bundle: unknown; provider: Hex } | undefined>
  /** Last voucher for a pair. */
  voucher(user: Hex, provider: Hex): VoucherNote | undefined
  /** Job nonce of the newest voucher that lists a receipt. */
  vouchedUnder(receiptHash: Hex): bigint | undefined
  /** Highest job nonce known for a pair. */
  jobNonce(user: Hex, provider: Hex): bigint
  /** Wei of all receipts of a user, to any provider. */
  spent(user: Hex): bigint
  close(): Promise<void>
}

export async function openPurseLog(disk: Disk, folder: string): Promise<PurseLog> {
  const places = new Map<string, number>()
  const vouchers = new Map<string, VoucherNote>()
  const nonces = new Map<string, bigint>()
  const spent = new Map<Hex, bigint>()
  const vouched = new Map<Hex, bigint>()

  function index(record: PurseRecord, position: number): void {
    if (record.kind === 'voucher') {
      const { user, provider, jobNonce } = record.note.voucher
      vouchers.set(pair(user, provider), record.note)
      raise(nonces, pair(user, provider), jobNonce)
      for (const receiptHash of record.note.receipts) vouched.set(receiptHash, jobNonce)
      return
    }
    const { jobId, receiptHash, user, provider, jobNonce, fee } = record.job
    // A receipt that is fetched again after a crash is the same spending.
    if (!places.has(receiptHash)) spent.set(user, (spent.get(user) ?? 0n) + fee)
    places.set(jobId, position)
    places.set(receiptHash, position)
    raise(nonces, pair(user, provider), jobNonce)
  }

  const log = await openSegmentLog(disk, folder, { onRecord: (position, bytes) => index(decode(bytes), position) })
  async function addAll(records: readonly PurseRecord[]): Promise<void> {
    if (records.length === 0) return
    const positions = await log.append(records.map(encode))
    for (const [at, record] of records.entries()) index(record, positions[at]!)
    await log.sync()
  }

  return {
    add: (record) => addAll([record]),
    addAll,
    async bundle(user, id) {
      const place = places.get(id)
      const record = place === undefined ? undefined : decode(await log.read(place))
      if (record?.kind !== 'job' || record.job.user !== user) return undefined
      return { bundle: record.bundle, provider: record.job.provider }
    },
    voucher: (user, provider) => vouchers.get(pair(user, provider)),
    vouchedUnder: (receiptHash) => vouched.get(receiptHash),
    jobNonce: (user, provider) => nonces.get(pair(user, provider)) ?? 0n,
    spent: (user) => spent.get(user) ?? 0n,
    close: () => log.close(),
  }
}

const pair = (user: Hex, provider: Hex): string => `${user}/${provider}`

function raise(nonces: Map<string, bigint>, key: string, jobNonce: bigint): void {
  if (jobNonce > (nonces.get(key) ?? 0n)) nonces.set(key, jobNonce)
}

/** The bundle's free text stays apart from the notation of integers. */
function encode(record: PurseRecord): Uint8Array {
  const { bundle, ...rest } = record.kind === 'job' ? record : { ...record, bundle: null }
  const plain = JSON.stringify(rest, (_, item) => (typeof item === 'bigint' ? `${item}n` : item))
  return textToBytes(JSON.stringify([plain, bundle]))
}

function decode(bytes: Uint8Array): PurseRecord {
  const [plain, bundle] = JSON.parse(bytesToText(bytes)) as [string, unknown]
  const record = JSON.parse(plain, (_, item) =>
    typeof item === 'string' && /^\d+n$/.test(item) ? BigInt(item.slice(0, -1)) : item,
  ) as PurseRecord
  return record.kind === 'job' ? { ...record, bundle } : record
}
