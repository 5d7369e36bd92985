/**
 * The running bill of one user with one provider: numbers jobs, signs for them, checks what comes back and pays exactly
 * that, one voucher after the other. Spec: COMPUTE §7, §10.8.
 */
import { type Hex, isHexOf, WeightlessError } from '@weightless/codec'
import type { Env } from '@weightless/env'
import {
  type Acceptance,
  type Bundle,
  brokenTerm,
  bundleToJson,
  checkBundle,
  findProvableFault,
  hashReceipt,
  inputHash,
  isAccepted,
  priceId,
  readBundle,
  signerOfDigest,
} from '@weightless/receipt'
import type { LocalAccount } from 'viem'
import { z } from 'zod'
import {
  type Authorization,
  hashAuthorization,
  hashVoucher,
  type JobTerms,
  type SigningPlace,
  signAuthorization,
  type Voucher,
} from '../wire/payment.ts'
import type { ProviderCaller } from './callProvider.ts'
import { createJobSalts, type JobSalts } from './jobSalts.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { PurseLog, PurseRecord } from './purseLog.ts'
import { createJobSettler, type JobSettler, withAcceptance } from './settleJobs.ts'
import { openVoucherChain, type VoucherChain } from './voucherChain.ts'

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
  const vouchers = openVoucherChain({ purse, caller, provider: provider.address, user, account, place, numbers })
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

/** Checks receipts and writes the good ones down, to be paid next; says for each what is wrong with it. */
async function keepReceipts(
  options: TabOptions,
  vouchers: VoucherChain,
  jobs: readonly Receipted[],
): Promise<(Error | undefined)[]> {
  const { env, purse, provider, user, place } = options
  const good: PurseRecord[] = []
  const shown: PurseRecord[] = []
  const faults = await Promise.all(
    jobs.map(async ({ bundle: given, authorization, jobId, differs, acceptance }) => {
      const bundle = withAcceptance(given, acceptance)
      const reason = differs?.(bundle) ?? (await receiptFault(options, bundle, authorization))
      if (reason) {
        const evidence = evidenceOf(options, jobId, bundle)
        if (evidence) shown.push(evidence)
        return new ReceiptUnacceptableError({ provider: provider.address, jobId, reason })
      }
      const { fee, jobNonce, promptTokens, completionTokens } = bundle.receipt
      const receiptHash = hashReceipt(bundle.receipt, place.settlement)
      const keyId = purse.openJobs.keyOf(user, provider.address, jobNonce)
      const used = { keyId, model: provider.model, promptTokens, completionTokens, atMs: env.clock.nowMs() }
      const job = { jobId, user, provider: provider.address, jobNonce, receiptHash, fee, ...used }
      good.push({ kind: 'job', job, bundle: bundleToJson(bundle) })
      return undefined
    }),
  )
  await purse.addAll([...good, ...shown])
  for (const record of good) {
    if (record.kind === 'job') vouchers.owe(record.job.receiptHash, record.job)
  }
  return faults
}

/** Larger bundles are not kept as evidence: a provider chooses what stands in them. */
const evidenceBytesMax = 1024 * 1024

/** A receipt that is not paid is kept if it shows a fault on chain. SETTLEMENT §9.3 */
function evidenceOf({ env, purse, provider, user, place }: TabOptions, jobId: string, bundle: Bundle) {
  const { receipt, settlement } = bundle
  const isOurs = receipt.user === user && receipt.provider === provider.address
  if (!isOurs || receipt.chainId !== place.chainId || settlement !== place.settlement) return undefined
  const fault = findProvableFault(bundle)
  const json = fault && bundleToJson(bundle)
  if (!fault || JSON.stringify(json).length > evidenceBytesMax) return undefined
  const { jobNonce } = receipt
  const keyId = purse.openJobs.keyOf(user, provider.address, jobNonce)
  const about = { jobId, user, provider: provider.address, jobNonce, keyId, kind: fault.kind, atMs: env.clock.nowMs() }
  return { kind: 'fault', fault: about, bundle: json } satisfies PurseRecord
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

async function receiptFault(
  { provider, user, place }: TabOptions,
  bundle: Bundle,
  authorization: Authorization,
): Promise<string | undefined> {
  const { receipt } = bundle
  const difference = await checkBundle(bundle, {
    chainId: place.chainId,
    settlement: place.settlement,
    user,
    provider: provider.address,
    price: provider.price,
    ...(provider.modelRoot ? { modelRoot: provider.modelRoot } : {}),
    ...(provider.programId ? { programId: provider.programId } : {}),
  })
  if (difference) return `${difference.fault}: ${difference.detail}`
  if (receipt.jobNonce !== authorization.jobNonce) return 'it is for another job'
  if (receipt.inputHash !== authorization.requestHash) return 'it is for another request'
  if (receipt.priceId !== authorization.priceId) return 'it has another price'
  if (bundle.acceptance && brokenTerm(authorization, receipt) === 'deadline') return 'it is from after the deadline'
  return receipt.fee > authorization.maxFee ? 'it costs more than was authorised' : undefined
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

type Receipted = {
  bundle: Bundle
  authorization: Authorization
  jobId: string
  acceptance?: Acceptance | undefined
  differs?: (bundle: Bundle) => string | undefined
}
type ShownAuthorization = { authorization: Authorization; signature?: Hex | undefined }
type AccountState = z.infer<typeof accountSchema>
type UnvouchedJob = AccountState['unvouched'][number]

const hexOf = (byteCount: number) =>
  z
    .string()
    .regex(new RegExp(`^0x[0-9a-fA-F]{${byteCount * 2}}$`))
    .transform((text) => text.toLowerCase() as Hex)
const integer = z
  .string()
  .regex(/^\d{1,78}$/)
  .transform(BigInt)
const pair = { user: hexOf(20), provider: hexOf(20), jobNonce: integer }
const voucherSchema = z.object({
  ...pair,
  cumulativeFee: integer,
  receiptsRoot: hexOf(32),
}) satisfies z.ZodType<Voucher>
const authorizationSchema = z.object({
  ...pair,
  requestHash: hexOf(32),
  priceId: hexOf(32),
  maxFee: integer,
  deadline: integer,
})
const accountSchema = z.object({
  job_nonce: integer,
  vouched: integer,
  owed_on_chain: integer,
  /** Providers of before signed everything. */
  on_account_max: integer.default(0n),
  receipts_root: hexOf(32),
  voucher: z.object({ voucher: voucherSchema, signature: hexOf(65) }).nullable(),
  unvouched: z
    .array(
      z.object({
        receipt_hash: hexOf(32),
        job_id: z.string().max(256),
        authorization: z.object({ authorization: authorizationSchema, signature: hexOf(65).optional() }).nullable(),
      }),
    )
    .max(1_024),
})

/** The provider bills what was not authorised or not delivered. It is not paid. */
export class ReceiptUnacceptableError extends WeightlessError {
  constructor(facts: { provider: Hex; jobId: string; reason: string }) {
    super('compute/receipt-unacceptable', 'The provider’s receipt is not acceptable.', facts)
  }
}

export class TabDisputedError extends WeightlessError {
  constructor(facts: { provider: Hex; reason: string }) {
    super('compute/tab-disputed', 'The provider’s account of the past is not ours.', facts)
  }
}
