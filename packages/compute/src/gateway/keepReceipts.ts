/** What a provider bills, checked against what was authorised and delivered; the good is written down, to be paid next. COMPUTE §10.8 */
import { type Hex, WeightlessError } from '@weightless/codec'
import { type Env, pauseBetween } from '@weightless/env'
import {
  type Acceptance,
  type Bundle,
  brokenTerm,
  bundleToJson,
  checkBundle,
  findProvableFault,
  hashReceipt,
} from '@weightless/receipt'
import type { Authorization, SigningPlace } from '../wire/payment.ts'
import type { ListedProvider } from './providerDirectory.ts'
import type { PurseLog, PurseRecord } from './purseLog.ts'
import { withAcceptance } from './settleJobs.ts'
import type { VoucherChain } from './voucherChain.ts'

export type ReceiptKeeper = {
  env: Pick<Env, 'clock'>
  place: SigningPlace
  purse: PurseLog
  provider: ListedProvider
  user: Hex
}

export type Receipted = {
  bundle: Bundle
  authorization: Authorization
  jobId: string
  acceptance?: Acceptance | undefined
  differs?: (bundle: Bundle) => string | undefined
}

/** Checks receipts and writes the good ones down, to be paid next; says for each what is wrong with it. */
export async function keepReceipts(
  options: ReceiptKeeper,
  vouchers: VoucherChain,
  jobs: readonly Receipted[],
): Promise<(Error | undefined)[]> {
  const { env, purse, provider, user, place } = options
  const good: PurseRecord[] = []
  const shown: PurseRecord[] = []
  const faults: (Error | undefined)[] = []
  const pause = pauseBetween(env.clock)
  for (const { bundle: given, authorization, jobId, differs, acceptance } of jobs) {
    await pause()
    const bundle = withAcceptance(given, acceptance)
    const reason = differs?.(bundle) ?? (await receiptFault(options, bundle, authorization))
    faults.push(reason ? new ReceiptUnacceptableError({ provider: provider.address, jobId, reason }) : undefined)
    if (reason) {
      const evidence = evidenceOf(options, jobId, bundle)
      if (evidence) shown.push(evidence)
      continue
    }
    const { fee, jobNonce, promptTokens, completionTokens } = bundle.receipt
    const receiptHash = hashReceipt(bundle.receipt, place.settlement)
    const keyId = purse.openJobs.keyOf(user, provider.address, jobNonce)
    const used = { keyId, model: provider.model, promptTokens, completionTokens, atMs: env.clock.nowMs() }
    const job = { jobId, user, provider: provider.address, jobNonce, receiptHash, fee, ...used }
    good.push({ kind: 'job', job, bundle: bundleToJson(bundle) })
  }
  await purse.addAll([...good, ...shown])
  for (const record of good) {
    if (record.kind === 'job') vouchers.owe(record.job.receiptHash, record.job)
  }
  return faults
}

/** Larger bundles are not kept as evidence: a provider chooses what stands in them. */
const evidenceBytesMax = 1024 * 1024

/** A receipt that is not paid is kept if it shows a fault on chain. SETTLEMENT §9.3 */
function evidenceOf({ env, purse, provider, user, place }: ReceiptKeeper, jobId: string, bundle: Bundle) {
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

async function receiptFault(
  { provider, user, place }: ReceiptKeeper,
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

/** The provider bills what was not authorised or not delivered. It is not paid. */
export class ReceiptUnacceptableError extends WeightlessError {
  constructor(facts: { provider: Hex; jobId: string; reason: string }) {
    super('compute/receipt-unacceptable', 'The provider’s receipt is not acceptable.', facts)
  }
}
