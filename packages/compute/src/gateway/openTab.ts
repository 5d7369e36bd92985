/**
 * The running bill of one user with one provider: numbers jobs, signs for them, checks what comes back and pays exactly
 * that, one voucher after the other. Spec: COMPUTE §7, §10.8.
 */
import { type Hex, isHexOf, WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import {
  type Acceptance,
  type Bundle,
  inputHash,
  isAccepted,
  priceId,
  readBundle,
  signerOfDigest,
} from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import {
  type Authorization,
  hashAuthorization,
  hashVoucher,
  type JobTerms,
  type SigningPlace,
  signAuthorization,
  type Voucher,
} from '../wire/payment.ts'
import { type AccountState, accountSchema, type UnvouchedJob } from './accountState.ts'
import type { ProviderCaller } from './callProvider.ts'
import { createJobSalts, type JobSalts } from './jobSalts.ts'
import { keepReceipts, type Receipted } from './keepReceipts.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { PurseLog } from './purseLog.ts'
import { createJobSettler, type JobSettler } from './settleJobs.ts'
import { openVoucherChain } from './voucherChain.ts'

export type Tab = {
  caller: ProviderCaller
  /** Agrees with the provider on what happened so far; once, before the first job. */
  agree(): Promise<void>
  /** Numbers a job, writes down for whom, and signs for it where it is not on account. `request` is the hash without salt. */
  authorize(job: JobOrder): Promise<JobTerms>
  /** The provider takes no job without a signature, until the two agree anew. */
  signAll(): void
  /** What the provider signed for the job, if it is good. */
  acceptanceOf(terms: JobTerms, signature: string | undefined): Acceptance | undefined
  /** The provider refused it, or it made nothing: nothing is owed for it. */
  close(terms: JobTerms): Promise<void>
  /** The provider was not heard of again: it may still have to be paid. */
  leaveOpen(terms: JobTerms): void
  /** The provider says that numbers below this one are used. */
  raiseJobNonce(next: bigint): void
  /** Hands over a voucher for all that is owed. */
  payUp(): Promise<void>
  /**
   * Fetches the receipt of a job, checks it against what was authorised and delivered, keeps it and pays for it.
   * Undefined when the provider has none: nothing was emitted, nothing is owed.
   * @throws {ReceiptUnacceptableError} the provider bills something else; it is not paid
   */
  settleJob: JobSettler['settle']
}

export type JobOrder = { request: Hex; nonce: Hex; maxFee: bigint; keyId: string }

export type TabOptions = {
  env: Pick<Env, 'clock' | 'log'>
  place: SigningPlace
  purse: PurseLog
  caller: ProviderCaller
  provider: ListedProvider
  user: Hex
  account: LocalAccount
  /** What the settlement contract says that the user owes the provider, vouchers and claims together. */
  owedOnChain(): Promise<bigint>
}

const authorizationSeconds = 3_600n
/** Answers that end within this time are receipted and paid together. */
const gatherMs = 40

export function openTab(options: TabOptions): Tab {
  const { env, purse, caller, provider, user, account, place } = options
  const numbers = { next: purse.jobNonce(user, provider.address) + 1n }
  const terms: Terms = { onAccountMax: 0n, salts: createJobSalts(account) }
  const payer = { user, account, place, numbers }
  const vouchers = openVoucherChain({ clock: env.clock, purse, caller, provider: provider.address, ...payer })
  let agreed: Promise<void> | undefined

  async function agreeOnce(): Promise<void> {
    let state: AccountState | undefined
    await vouchers.begin(async () => {
      state = accountSchema.parse(await caller.json('/v1/account'))
      await checkProviderState(options, state)
      const jobNonce = state.voucher?.voucher.jobNonce ?? 0n
      return { cumulativeFee: state.vouched, receiptsRoot: state.receipts_root, jobNonce }
    })
    const { job_nonce, voucher, unvouched, on_account_max } = state!
    terms.onAccountMax = on_account_max
    const voucherNonce = voucher?.voucher.jobNonce ?? 0n
    for (const used of [job_nonce, voucherNonce]) if (used >= numbers.next) numbers.next = used + 1n
    for (const job of unvouched) await adopt(job, voucherNonce)
    await vouchers.exchange([])
  }

  /** A receipt from before a crash: good if we signed for that job and have not paid it. */
  async function adopt({ receipt_hash, job_id, authorization }: UnvouchedJob, voucherNonce: bigint): Promise<void> {
    const paidUnder = purse.vouchedUnder(receipt_hash)
    if (!authorization || (paidUnder !== undefined && paidUnder <= voucherNonce)) return
    const bundle = await fetchBundle(caller, `/v1/receipts/${receipt_hash}`)
    if (!bundle) return
    const fault = await authorizationFault(options, terms.salts, authorization, bundle)
    if (fault) return env.log.warn('receipt not adopted', { receiptHash: receipt_hash, fault })
    await keep([{ bundle, authorization: authorization.authorization, jobId: job_id }])
  }

  const keep = (jobs: readonly Receipted[]) => keepReceipts(options, vouchers, jobs)

  const settler = createJobSettler({
    clock: env.clock,
    gatherMs,
    exchange: vouchers.exchange,
    keep: (jobs) =>
      keep(jobs.map(({ bundle, terms, delivered }) => ({ bundle, authorization: terms.authorization, ...delivered }))),
    onFault() {
      agreed = undefined
    },
  })

  return {
    caller,
    raiseJobNonce: (next) => {
      if (next > numbers.next) numbers.next = next
    },
    agree() {
      if (agreed) return agreed
      const attempt = agreeOnce()
      agreed = attempt
      attempt.catch(() => {
        agreed = undefined
      })
      return attempt
    },
    authorize: (job) => signFor(options, numbers, terms, job),
    signAll() {
      terms.onAccountMax = 0n
    },
    acceptanceOf({ authorization }, signature) {
      const acceptance = isHexOf(signature, 65) && { authorization, signature }
      return acceptance && isAccepted(acceptance, place) ? acceptance : undefined
    },
    close: ({ authorization: { jobNonce } }) =>
      purse.note({ kind: 'closed', user, provider: provider.address, jobNonce }),
    leaveOpen: ({ authorization: { jobNonce } }) => purse.openJobs.leaveOpen(user, provider.address, jobNonce),
    payUp: async () => void (await vouchers.exchange([])),
    settleJob: settler.settle,
  }
}

type Terms = { onAccountMax: bigint; salts: JobSalts }

async function signFor(
  { env, purse, provider, user, account, place }: TabOptions,
  numbers: { next: bigint },
  { onAccountMax, salts }: Terms,
  { request, nonce, maxFee, keyId }: JobOrder,
): Promise<JobTerms> {
  const jobNonce = numbers.next++
  const deadline = BigInt(Math.floor(env.clock.nowMs() / 1000)) + authorizationSeconds
  const job = { user, provider: provider.address, jobNonce }
  const priced = { ...job, priceId: priceId(provider.address, provider.price), maxFee, deadline }
  const salt = (await salts)(priced)
  const authorization = { ...priced, requestHash: inputHash(request, salt) }
  await purse.note({ kind: 'open', open: { ...job, keyId, maxFee, deadlineMs: Number(deadline) * 1000 } })
  const signature = maxFee > onAccountMax ? await signAuthorization(authorization, place, account) : undefined
  return { authorization, signature, salt, nonce }
}

async function fetchBundle(caller: ProviderCaller, path: string): Promise<Bundle | undefined> {
  const response = await caller.fetch(path)
  if (response.status !== 200) {
    await response.text(65_536)
    return undefined
  }
  const read = readBundle(await response.json())
  return read.ok ? read.value : undefined
}

/** Without a signature, the salt shows that we gave this job out, with these terms: nobody else can make it. */
async function authorizationFault(
  { place, account }: TabOptions,
  salts: JobSalts,
  { authorization, signature }: ShownAuthorization,
  { opening: { salt } }: Bundle,
): Promise<string | undefined> {
  if (signature === undefined) return (await salts)(authorization) === salt ? undefined : 'it is not a job of ours'
  const signer = signerOfDigest(hashAuthorization(authorization, place), signature)
  return signer === account.address.toLowerCase() ? undefined : 'we did not sign for it'
}

/** A provider can show less than we signed, which only harms itself, but never more. */
async function checkProviderState(options: TabOptions, state: AccountState): Promise<void> {
  const refuse = (reason: string) => new TabDisputedError({ provider: options.provider.address, reason })
  const signedFee = state.voucher ? await signedFeeOf(options, state.voucher) : 0n
  if (signedFee === undefined) throw refuse('it shows a voucher that we did not sign')
  // Above our vouchers there may be claims: those that the contract found good, and the contract itself says so.
  if (state.vouched <= signedFee || state.vouched <= (await options.owedOnChain())) return
  throw refuse('its sum is neither that of our voucher nor that of the chain')
}

async function signedFeeOf(
  { place, account, user, provider }: TabOptions,
  { voucher, signature }: { voucher: Voucher; signature: Hex },
): Promise<bigint | undefined> {
  if (voucher.user !== user || voucher.provider !== provider.address) return undefined
  const signer = signerOfDigest(hashVoucher(voucher, place), signature)
  return signer === account.address.toLowerCase() ? voucher.cumulativeFee : undefined
}

type ShownAuthorization = { authorization: Authorization; signature?: Hex | undefined }

export class TabDisputedError extends WeightlessError {
  constructor(facts: { provider: Hex; reason: string }) {
    super('compute/tab-disputed', 'The provider’s account of the past is not ours.', facts)
  }
}
