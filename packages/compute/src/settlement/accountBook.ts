/**
 * What each user owes a provider, as a pure fold over the records of the job log: the same log gives the same book, so a
 * provider that was killed knows after a restart exactly what it knew before. Spec: COMPUTE §8.
 */
import type { Hex } from '@weightless/codec'
import { emptyReceiptsRoot, nextReceiptsRoot, type SignedVoucher } from '../wire/payment.ts'

/** `voucher`: the user signs for every job. `sdk`: the existing SDK, where the provider's word settles. */
export type PaymentPath = 'voucher' | 'sdk'

export type BookRecord =
  /** Written, and on disk, before the last byte of the answer leaves. */
  | {
      kind: 'receipt'
      jobId: string
      path: PaymentPath
      user: Hex
      jobNonce: bigint
      fee: bigint
      receiptHash: Hex
      /** Milliseconds since the Unix epoch; absent in logs from before claims. */
      receiptedAtMs?: number
      /** Until when it can be claimed, in seconds since the Unix epoch; absent on the SDK path. */
      deadlineSeconds?: bigint
    }
  /** `receipts` are the hashes of the receipts that this voucher adds, in the order of its root. */
  | ({ kind: 'voucher'; receipts: readonly Hex[] } & SignedVoucher)
  /** What the settlement contract has on record for a user: read from the chain, so repeating it changes nothing. */
  | { kind: 'settled'; user: Hex; owed: bigint; paid: bigint; jobNonce: bigint }
  /** What the settlement contract has on record for a claimed job: read from the chain, so repeating it changes nothing. */
  | ({ kind: 'claim'; user: Hex; receiptHash: Hex } & Omit<OpenClaim, 'state'> & {
        state: OpenClaim['state'] | 'closed'
      })
  /** A settlement on the provider's word is about to be sent; it is sent again, unchanged, until it is known to have arrived. */
  | { kind: 'sdkBatch'; user: Hex; nonce: bigint; fee: bigint; requestsHash: Hex }
  /** That settlement arrived; `unpaid` wei were not covered by the balance. */
  | { kind: 'sdkSettled'; user: Hex; nonce: bigint; unpaid: bigint }
  /** The process before this one still answers the job with this number: nobody else may. COMPUTE §12.2 */
  | { kind: 'elsewhere'; user: Hex; jobNonce: bigint }
  /** The job's number is about to be accepted, and used from then on. SETTLEMENT §2.7 */
  | { kind: 'accepted'; user: Hex; jobNonce: bigint }
  /** A consent to refund everything is about to be signed. */
  | { kind: 'consent'; user: Hex; leavingUntilMs: number }

/** A claim that the contract has not paid yet. SETTLEMENT §5 */
export type OpenClaim = { state: 'open' | 'contested'; jobNonce: bigint; held: bigint; readyAtSeconds: bigint }

export type UserAccount = {
  /** Highest job nonce ever used with this user. */
  jobNonce: bigint
  /** Wei of all receipts on the voucher path, those before this log began included. */
  receipted: bigint
  /** Wei of them that the user's vouchers cover, or that were claimed: what the next voucher builds on. */
  vouched: bigint
  /** The newest voucher, and the chain of receipts it pays. */
  voucher: SignedVoucher | undefined
  receiptsRoot: Hex
  /** Receipts that no voucher covers yet, by hash, oldest first. */
  unvouched: Map<Hex, { jobNonce: bigint; fee: bigint; receiptedAtMs: number; deadlineSeconds: bigint }>
  /** Claims that wait for their payment, by receipt hash. */
  claims: Map<Hex, OpenClaim>
  /** The settlement contract's own numbers. */
  owedOnChain: bigint
  paidOnChain: bigint
  jobNonceOnChain: bigint
  /** Wei of receipts on the SDK path that no batch contains yet. */
  sdkUnsettled: bigint
  /** Receipt hashes of `sdkUnsettled`, chained. */
  sdkRequestsHash: Hex
  sdkBatch: { nonce: bigint; fee: bigint; requestsHash: Hex } | undefined
  /** Numbers of accepted jobs, the highest ones; those below `acceptedFloor` count as accepted too. */
  accepted: Set<bigint>
  acceptedFloor: bigint
  /** Until when a consent to refund everything may be used, in milliseconds since the Unix epoch. SETTLEMENT §8 */
  leavingUntilMs: number
}

export type AccountBook = {
  apply(record: BookRecord): void
  of(user: Hex): UserAccount
  users(): IterableIterator<[Hex, UserAccount]>
}

export function createAccountBook(): AccountBook {
  const accounts = new Map<Hex, UserAccount>()
  const of = (user: Hex): UserAccount => {
    let account = accounts.get(user)
    if (!account) {
      account = emptyAccount()
      accounts.set(user, account)
    }
    return account
  }
  return {
    of,
    users: () => accounts.entries(),
    apply(record) {
      const user = record.kind === 'voucher' ? record.voucher.user : record.user
      applyRecord(of(user), record)
    },
  }
}

/** Wei that the user owes and the chain has not paid yet, both paths. */
export function outstandingWei(account: UserAccount): bigint {
  const open = account.receipted - account.paidOnChain
  return (open > 0n ? open : 0n) + account.sdkUnsettled + (account.sdkBatch?.fee ?? 0n)
}

/** The voucher that a settlement should carry; undefined when the chain knows all of it. */
export function unsettledVoucher(account: UserAccount): SignedVoucher | undefined {
  const { voucher } = account
  return voucher && voucher.voucher.cumulativeFee > account.owedOnChain ? voucher : undefined
}

export type VoucherFault = 'stale' | 'amount' | 'root' | 'receipt'

/** A voucher is good when it pays named, still unpaid receipts to the wei. Returns what is wrong with it. COMPUTE §7.3 */
export function voucherFault(
  account: UserAccount,
  { voucher }: SignedVoucher,
  receipts: readonly Hex[],
): VoucherFault | undefined {
  if (voucher.jobNonce <= (account.voucher?.voucher.jobNonce ?? 0n)) return 'stale'
  if (voucher.jobNonce <= account.jobNonceOnChain) return 'stale'
  let fee = account.vouched
  let root = account.receiptsRoot
  const seen = new Set<Hex>()
  for (const receiptHash of receipts) {
    const job = account.unvouched.get(receiptHash)
    if (!job || seen.has(receiptHash) || job.jobNonce > voucher.jobNonce) return 'receipt'
    seen.add(receiptHash)
    fee += job.fee
    root = nextReceiptsRoot(root, receiptHash)
  }
  if (fee !== voucher.cumulativeFee) return 'amount'
  return root === voucher.receiptsRoot ? undefined : 'root'
}

function applyRecord(account: UserAccount, record: BookRecord): void {
  if (record.kind === 'receipt') applyReceipt(account, record)
  else if (record.kind === 'voucher') applyVoucher(account, record)
  else if (record.kind === 'consent') account.leavingUntilMs = record.leavingUntilMs
  else if (record.kind === 'claim') applyClaim(account, record)
  else if (record.kind === 'accepted') applyAccepted(account, record.jobNonce)
  else if (record.kind === 'elsewhere') {
    if (record.jobNonce > account.jobNonce) account.jobNonce = record.jobNonce
  } else if (record.kind === 'settled') {
    account.owedOnChain = record.owed
    account.paidOnChain = record.paid
    account.jobNonceOnChain = record.jobNonce
    if (record.jobNonce > account.jobNonce) account.jobNonce = record.jobNonce
    // The chain knows of vouchers that this log does not: the log was lost, and what they paid is history.
    if (record.owed > account.vouched) {
      account.receipted += record.owed - account.vouched
      account.vouched = record.owed
    }
  } else if (record.kind === 'sdkBatch') {
    const { nonce, fee, requestsHash } = record
    account.sdkBatch = { nonce, fee, requestsHash }
    account.sdkUnsettled -= fee
    account.sdkRequestsHash = emptyReceiptsRoot
  } else if (account.sdkBatch?.nonce === record.nonce) {
    account.sdkBatch = undefined
    account.sdkUnsettled += record.unpaid
  }
}

function applyReceipt(account: UserAccount, record: Extract<BookRecord, { kind: 'receipt' }>): void {
  const { jobNonce, fee, receiptHash, receiptedAtMs = 0, deadlineSeconds = 0n } = record
  if (jobNonce > account.jobNonce) account.jobNonce = jobNonce
  if (record.path === 'sdk') {
    account.sdkUnsettled += fee
    account.sdkRequestsHash = nextReceiptsRoot(account.sdkRequestsHash, receiptHash)
    return
  }
  account.receipted += fee
  account.unvouched.set(receiptHash, { jobNonce, fee, receiptedAtMs, deadlineSeconds })
}

function applyVoucher(account: UserAccount, record: Extract<BookRecord, { kind: 'voucher' }>): void {
  const { voucher, signature, receipts } = record
  for (const receiptHash of receipts) account.unvouched.delete(receiptHash)
  account.voucher = { voucher, signature }
  account.vouched = voucher.cumulativeFee
  account.receiptsRoot = voucher.receiptsRoot
  if (voucher.jobNonce > account.jobNonce) account.jobNonce = voucher.jobNonce
}

/** Accepted numbers that are known one by one, of each user. */
const acceptedMax = 4_096

/** Whether a job with this number was ever accepted, whatever became of it: it must not be another job. */
export function wasAccepted({ accepted, acceptedFloor }: UserAccount, jobNonce: bigint): boolean {
  return jobNonce < acceptedFloor || accepted.has(jobNonce)
}

function applyAccepted(account: UserAccount, jobNonce: bigint): void {
  if (jobNonce > account.jobNonce) account.jobNonce = jobNonce
  account.accepted.add(jobNonce)
  if (account.accepted.size <= acceptedMax) return
  // The lower half is forgotten one by one and refused altogether.
  const sorted = [...account.accepted].sort((a, b) => (a < b ? -1 : 1))
  for (const low of sorted.slice(0, acceptedMax / 2)) account.accepted.delete(low)
  account.acceptedFloor = sorted[acceptedMax / 2]!
}

function applyClaim(account: UserAccount, record: Extract<BookRecord, { kind: 'claim' }>): void {
  const { receiptHash, state, jobNonce, held, readyAtSeconds } = record
  const job = account.unvouched.get(receiptHash)
  if (job) {
    account.unvouched.delete(receiptHash)
    account.vouched += held
    // What the balance lacked is lost: the contract does not remember it for claims.
    account.receipted -= job.fee - held
  }
  if (state === 'closed') account.claims.delete(receiptHash)
  else account.claims.set(receiptHash, { state, jobNonce, held, readyAtSeconds })
}

function emptyAccount(): UserAccount {
  return {
    jobNonce: 0n,
    receipted: 0n,
    vouched: 0n,
    voucher: undefined,
    receiptsRoot: emptyReceiptsRoot,
    unvouched: new Map(),
    claims: new Map(),
    owedOnChain: 0n,
    paidOnChain: 0n,
    jobNonceOnChain: 0n,
    sdkUnsettled: 0n,
    sdkRequestsHash: emptyReceiptsRoot,
    sdkBatch: undefined,
    accepted: new Set(),
    acceptedFloor: 0n,
    leavingUntilMs: 0,
  }
}
