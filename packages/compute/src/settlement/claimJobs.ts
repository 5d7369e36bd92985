/**
 * Collects jobs whose user sends no voucher: the authorisation signed before and the receipt signed after are shown to
 * the settlement contract, which holds the fee. What is claimed is read back from it, so a crash repeats nothing.
 * Spec: COMPUTE §8.4, SETTLEMENT §5.
 */
import { bytesToHex, type Hex, textToBytes } from '@weightless/codec'
import { abis } from '@weightless/contracts'
import { keccak256 } from '@weightless/crypto'
import type { Env } from '@weightless/env'
import { type Ledger, TransactionRevertedError } from '@weightless/ledger'
import { type Bundle, readBundle, signReceipt, type TypedSigner } from '@weightless/receipt'
import type { ChainAccounts } from '../admission/chainAccounts.ts'
import { type UserAccount, unsettledVoucher } from './accountBook.ts'
import type { JobLog, StoredJob } from './jobLog.ts'
import { recordChainState } from './recordChainState.ts'

export type ClaimSettler = {
  ledger: Ledger
  /** The provider's. */
  account: TypedSigner
  receiptSettlement: Hex
  refusedVouchers: ReadonlySet<Hex>
  /** A job without a voucher is claimed after this time. */
  claimAfterMs: number
  /** Claims also what costs more gas than it brings. */
  claimAlways: boolean
  metrics: ClaimMetrics
  /** Users whose claims are under way, until they are in the book; no voucher of theirs is taken meanwhile. */
  claiming: Map<Hex, Promise<void>>
  /** Receipts or claims that are not looked at before this time (monotonic). */
  claimPausedUntilMs: Map<Hex, number>
}

export type ClaimMetrics = {
  claims: { add(): void }
  claimsPaid: { add(): void }
  claimsContested: { add(): void }
  claimsRefused: { add(): void }
  openClaimsWei: { set(wei: number): void }
}

export type ClaimWork = {
  env: Pick<Env, 'clock' | 'log'>
  log: JobLog
  accounts: ChainAccounts
  settler: ClaimSettler
}

/** Claims and payments of one round; the rest is for the next. */
export const claimsPerRound = 16

/** Gas of `claim` and of `payClaim`, rounded up from the measured figures in contracts/gas.snapshot.json. */
export const claimGas = 150_000n
export const payGas = 55_000n

/** A claim must be on the chain by the authorisation's deadline; so it is sent this long before, grace time or not. */
const deadlineMarginSeconds = 30n

/** What the contract refuses now it will refuse again in a second. */
const refusedPauseMs = 60_000
const pausedMax = 10_000

/** Whether any job has waited for its voucher long enough to look closer; costs no reading of the chain. */
export function hasOverdueJobs({ env, log, settler }: ClaimWork): boolean {
  const nowMs = env.clock.nowMs()
  for (const [, account] of log.book.users()) {
    for (const [receiptHash, job] of account.unvouched) {
      if (job.jobNonce <= account.jobNonceOnChain || isPaused(env.clock, settler, receiptHash)) continue
      if (isOverdue(settler, job, nowMs, BigInt(Math.floor(nowMs / 1000)))) return true
    }
  }
  return false
}

/** @throws {LedgerUnreachableError} */
export async function claimJobs(work: ClaimWork): Promise<void> {
  if (!hasOverdueJobs(work)) return
  const { log, settler } = work
  const terms = { nowSeconds: await chainSeconds(work), gasPriceWei: await gasPrice(settler.ledger) }
  let left = claimsPerRound
  for (const [user, account] of log.book.users()) {
    if (left === 0) return
    if (account.unvouched.size === 0) continue
    const claiming = claimJobsOf(work, user, terms, left)
    const ended = claiming.then(
      () => undefined,
      () => undefined,
    )
    settler.claiming.set(user, ended)
    try {
      left -= await claiming
    } finally {
      settler.claiming.delete(user)
    }
  }
}

type Terms = { nowSeconds: bigint; gasPriceWei: bigint }

/** In the order of the jobs, because the contract takes no earlier job after a later one. Returns how many were sent. */
async function claimJobsOf(work: ClaimWork, user: Hex, terms: Terms, most: number): Promise<number> {
  const { env, log, accounts, settler } = work
  const account = log.book.of(user)
  const jobs = [...account.unvouched].toSorted(([, a], [, b]) => (a.jobNonce < b.jobNonce ? -1 : 1))
  const nowMs = env.clock.nowMs()
  let count = 0
  for (const [receiptHash, job] of jobs) {
    if (count === most) break
    if (job.jobNonce <= account.jobNonceOnChain || isPaused(env.clock, settler, receiptHash)) continue
    if (!isOverdue(settler, job, nowMs, terms.nowSeconds)) break
    // Another process may have settled it, or this one before it was killed.
    await recordChainState(log, accounts, user)
    // A voucher that is being written is word in hand as well; later ones wait for us.
    await log.written()
    if (!account.unvouched.has(receiptHash) || job.jobNonce <= account.jobNonceOnChain) continue
    if (isVoucherInHand(settler, account)) break
    if (!isWorthwhile(work, receiptHash, job, terms)) continue
    count++
    await claimJob(work, receiptHash)
    await recordChainState(log, accounts, user)
  }
  return count
}

/** The word of the user comes first: after a claim an older voucher would be stale. */
function isVoucherInHand({ refusedVouchers }: ClaimSettler, account: UserAccount): boolean {
  const signed = unsettledVoucher(account)
  return signed !== undefined && !refusedVouchers.has(signed.signature)
}

type WaitingJob = { fee: bigint; receiptedAtMs: number; deadlineSeconds: bigint }

function isOverdue(settler: ClaimSettler, job: WaitingJob, nowMs: number, nowSeconds: bigint): boolean {
  if (nowMs - job.receiptedAtMs >= settler.claimAfterMs) return true
  return job.deadlineSeconds > 0n && nowSeconds + deadlineMarginSeconds >= job.deadlineSeconds
}

function isWorthwhile({ env, settler }: ClaimWork, receiptHash: Hex, job: WaitingJob, terms: Terms): boolean {
  if (job.deadlineSeconds > 0n && terms.nowSeconds > job.deadlineSeconds) {
    pause(env.clock, settler, receiptHash)
    env.log.warn('claim is too late', { receiptHash, feeWei: job.fee, deadlineSeconds: job.deadlineSeconds })
    return false
  }
  const costWei = (claimGas + payGas) * terms.gasPriceWei
  if (settler.claimAlways || job.fee > costWei) return true
  pause(env.clock, settler, receiptHash)
  env.log.info('claim is not worth its gas', { receiptHash, feeWei: job.fee, costWei })
  return false
}

async function claimJob({ env, log, settler }: ClaimWork, receiptHash: Hex): Promise<void> {
  const job = await log.findByReceipt(receiptHash)
  const args = job && (await claimArguments(job, settler))
  if (!args) {
    pause(env.clock, settler, receiptHash)
    return env.log.warn('claim lacks the user’s authorisation', { receiptHash })
  }
  try {
    const { transactionHash, gasUsed } = await settler.ledger.submit({
      address: settler.receiptSettlement,
      abi: abis.receiptSettlement,
      functionName: 'claim',
      args,
    })
    settler.metrics.claims.add()
    env.log.info('job claimed', { receiptHash, user: job.user, jobNonce: job.jobNonce, transactionHash, gasUsed })
  } catch (fault) {
    if (!(fault instanceof TransactionRevertedError)) throw fault
    pause(env.clock, settler, receiptHash)
    settler.metrics.claimsRefused.add()
    env.log.warn('claim refused', { receiptHash, reason: fault.reason.text })
  }
}

/** All that `claim` wants to see, from what was written down when the job was answered. The contract takes plain signatures. */
async function claimArguments({ bundle: json, authorization: signed }: StoredJob, { account }: ClaimSettler) {
  const read = readBundle({ ...json, signature: unsigned })
  if (!read.ok || !signed?.signature) return undefined
  const { receipt, settlement, opening }: Bundle = read.value
  const signature = await signReceipt(receipt, settlement, account)
  const { model, inputWeiPerToken, outputWeiPerToken, updatedAt } = opening.price
  const modelHash = bytesToHex(keccak256(textToBytes(model)))
  const price = { modelHash, inputPrice: inputWeiPerToken, outputPrice: outputWeiPerToken, updatedAt }
  return [signed.authorization, signed.signature, receipt, signature, price] as const
}

/** Of the form of a signature, and nobody's. */
const unsigned: Hex = `0x${'00'.repeat(65)}`

/** The chain may be ahead of our clock, or idle; the next block's time is at least the later of the two. */
export async function chainSeconds({ env, settler }: ClaimWork): Promise<bigint> {
  const { timestampSeconds } = await settler.ledger.block('latest')
  const clockSeconds = BigInt(Math.floor(env.clock.nowMs() / 1000))
  return timestampSeconds > clockSeconds ? timestampSeconds : clockSeconds
}

export async function gasPrice(ledger: Ledger): Promise<bigint> {
  return BigInt((await ledger.rpc.request('eth_gasPrice')) as Hex)
}

export function pause(clock: Env['clock'], { claimPausedUntilMs }: ClaimSettler, receiptHash: Hex): void {
  if (claimPausedUntilMs.size >= pausedMax) claimPausedUntilMs.clear()
  claimPausedUntilMs.set(receiptHash, clock.monotonicMs() + refusedPauseMs)
}

export function isPaused(clock: Env['clock'], { claimPausedUntilMs }: ClaimSettler, receiptHash: Hex): boolean {
  const untilMs = claimPausedUntilMs.get(receiptHash)
  if (untilMs === undefined) return false
  if (clock.monotonicMs() < untilMs) return true
  claimPausedUntilMs.delete(receiptHash)
  return false
}
