/** Vouchers come in: checked to the wei, written down, and only then acknowledged. COMPUTE §7.3 */
import type { Hex } from '@weightless/codec'
import { type HttpResponse, pauseBetween } from '@weightless/env'
import { signerOfDigest } from '@weightless/receipt'
import type { VoucherFault } from '../settlement/accountBook.ts'
import type { StoredJob, UnsignedBundle } from '../settlement/jobLog.ts'
import { recordChainState } from '../settlement/recordChainState.ts'
import { type ApiErrorCode, errorResponse } from '../wire/apiError.ts'
import { jsonResponse } from '../wire/jsonResponse.ts'
import { hashVoucher, readSettlement, readVoucher, type VoucherNote } from '../wire/payment.ts'
import type { ProviderContext } from './providerContext.ts'
import { signJobs } from './signJobs.ts'

const reasons: Record<VoucherFault, string> = {
  stale: 'Its job nonce is not above the last one; see /v1/account.',
  amount: 'Its cumulative fee is not the sum of the receipts that it covers; see /v1/account.',
  root: 'Its receipts root is not the chain of the receipts that it covers.',
  receipt: 'It covers a receipt that is unknown, paid already, or of a later job.',
}

export async function takeVoucher(context: ProviderContext, user: Hex, body: unknown): Promise<HttpResponse> {
  const read = readVoucher(body)
  if (!read.ok) return refuse('invalid_request', `The voucher is malformed: ${read.detail}`)
  return (await creditVoucher(context, user, read.value)) ?? jsonResponse(standingOf(context, user))
}

/** Bytes of receipts in one answer; who is left out asks again. */
const receiptBytesMax = 8 * 1024 * 1024

/** Takes the voucher for earlier jobs and hands out the receipts of later ones. COMPUTE §7.5 */
export async function settleWithUser(context: ProviderContext, user: Hex, body: unknown): Promise<HttpResponse> {
  const read = readSettlement(body)
  if (!read.ok) return refuse('invalid_request', `The settlement is malformed: ${read.detail}`)
  const { voucher, jobs } = read.value
  const refused = voucher && (await creditVoucher(context, user, voucher))
  if (refused) return refused
  const found: { job: StoredJob; json: string }[] = []
  let leftBytes = receiptBytesMax
  const pause = pauseBetween(context.env.clock)
  for (const jobNonce of jobs) {
    await pause()
    const job = await context.log.findByNonce(user, jobNonce)
    if (!job || leftBytes <= 0) continue
    const json = JSON.stringify(unsigned(job.bundle))
    leftBytes -= json.length
    found.push({ job, json })
  }
  await signJobs(
    context,
    found.map(({ job }) => job),
  )
  const receipts = found.map(({ job, json }) => `{"signature":"${job.bundle.signature}",${json.slice(1)}`)
  // The bundles are JSON already; only what stands around them has integers to write.
  const standing = JSON.stringify(standingOf(context, user), (_, value) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
  const headers = { 'content-type': 'application/json' }
  return { status: 200, headers, body: `{"standing":${standing},"receipts":[${receipts.join(',')}]}` }
}

function unsigned({ signature: _, ...rest }: UnsignedBundle): object {
  return rest
}

/** Undefined when the voucher is in the log. */
async function creditVoucher(
  context: ProviderContext,
  user: Hex,
  note: VoucherNote,
): Promise<HttpResponse | undefined> {
  const { address, log, place, sessionKeys } = context
  const { voucher, signature } = note
  if (voucher.user !== user) return refuse('forbidden', 'The voucher is of another user.')
  if (voucher.provider !== address) return refuse('invalid_authorization', 'The voucher is for another provider.')
  const present = log.book.of(user).voucher?.voucher
  const isRepeated =
    present?.jobNonce === voucher.jobNonce &&
    present.cumulativeFee === voucher.cumulativeFee &&
    present.receiptsRoot === voucher.receiptsRoot
  if (isRepeated) return undefined
  const signer = signerOfDigest(hashVoucher(voucher, place), signature)
  if (!(await sessionKeys.maySign(signer, user))) return refuse('invalid_authorization', 'The signature is not valid.')
  // A claim that is just being sent decides what a voucher may cover.
  await context.claimEnds(user)
  const fault = await log.addVoucher(note)
  if (fault) return refuse('invalid_authorization', `The voucher is not accepted: ${reasons[fault]}`)
  context.settleSoon()
  return undefined
}

/** What a user's gateway needs to go on after it lost its notes. Spec: COMPUTE §7.4. */
export async function describeAccount(context: ProviderContext, user: Hex) {
  const { log, accounts, onAccount } = context
  await recordChainState(log, accounts, user)
  await onAccount.refresh()
  const account = log.book.of(user)
  return {
    user,
    provider: context.address,
    job_nonce: account.jobNonce,
    receipted: account.receipted,
    vouched: account.vouched,
    voucher: account.voucher ?? null,
    receipts_root: account.receiptsRoot,
    on_account_max: onAccount.weiMax,
    owed_on_chain: account.owedOnChain,
    paid_on_chain: account.paidOnChain,
    claims: [...account.claims].map(([receiptHash, { state, jobNonce, held, readyAtSeconds }]) => ({
      receipt_hash: receiptHash,
      job_nonce: jobNonce,
      state,
      held,
      ready_at: readyAtSeconds,
    })),
    unvouched: await Promise.all(
      [...account.unvouched].map(async ([receiptHash, { jobNonce, fee }]) => {
        const job = await log.findByReceipt(receiptHash)
        return {
          receipt_hash: receiptHash,
          job_id: job?.jobId ?? '',
          job_nonce: jobNonce,
          fee,
          authorization: job?.authorization ?? null,
        }
      }),
    ),
  }
}

function standingOf({ log }: ProviderContext, user: Hex) {
  const { vouched, voucher, unvouched } = log.book.of(user)
  return { cumulative_fee: vouched, job_nonce: voucher?.voucher.jobNonce ?? 0n, unvouched: unvouched.size }
}

function refuse(code: ApiErrorCode, message: string): HttpResponse {
  return errorResponse({ code, message })
}
