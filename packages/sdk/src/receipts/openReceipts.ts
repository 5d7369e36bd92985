/** Fetches receipts with their openings, and checks them by doing the work again; the provider is not asked. */
import { type Hex, isHexOf, WeightlessError } from '@weightless/codec'
import type { VerdictFile } from '@weightless/compute/wire'
import type { Bundle, Signed, Verification } from '@weightless/receipt'
import type { ByteSource } from '@weightless/tensor'
import type { SendOptions } from '../account/openAccount.ts'
import { getJson } from '../chat/callGateway.ts'
import type { ClientContext } from '../clientContext.ts'
import type { FilesApi } from '../files/openFiles.ts'
import { type DisputeOptions, disputeReceipt } from './disputeReceipt.ts'
import { findSettlement, type Settlement } from './findSettlement.ts'
import type { Challenge } from './onChain/challengeReceipt.ts'
import type { GameOptions } from './onChain/openGame.ts'
import type { Slashing } from './onChain/submitVerdict.ts'
import type { VouchOptions } from './onChain/vouchModel.ts'
import type { Dispute } from './playDispute.ts'
import { type FaultReport, reportFault } from './reportFault.ts'
import { type VerifyOptions, verifyReceipt } from './verifyReceipt.ts'

export type { Bundle }

export type ReceiptsApi = {
  /**
   * Receipt and opening of an answer, as long as the provider keeps it. Keep it yourself: only the holder of the opening
   * can show what was asked. @throws {BundleMalformedError} @throws {GatewayRefusedError}
   */
  get(receiptId: string, options?: { signal?: AbortSignal }): Promise<Bundle>
  /**
   * Re-executes the answer from the model's root and compares. Resolves to accepted, or to what differs first.
   * Takes about as long as the answer itself took, plus loading the model.
   */
  verify(bundle: Bundle, options?: VerifyOptions): Promise<Verification>
  /**
   * Disputes an answer with its live provider, and judges the first wrong number of its working. Takes an execution, and
   * of the operator at fault another. @throws {ReceiptUndisputableError}
   */
  dispute(bundle: Bundle, options?: DisputeOptions): Promise<Dispute>
  /**
   * Takes a verdict to the chain, where contracts compute the accused number again and the provider loses stake. Anybody may. The chain learns of
   * the model first, where it does not know it: of a model of 135 million parameters in some 20 transactions, once.
   * @param model - the receipt's, as a file; else it comes from the storage network
   * @throws {VerdictRefusedError} {ForeignFaultError} {TransactionRevertedError}
   */
  submitVerdict(
    verdict: VerdictFile,
    options?: VouchOptions & { model?: Uint8Array | ByteSource; signal?: AbortSignal },
  ): Promise<Slashing>
  /**
   * Disputes an answer on chain, for a bond, with a provider that does not answer otherwise: it shows its working there in time, or loses stake.
   * @param options.model - the receipt's, as a file; else it comes from the storage network
   * @throws {ReceiptUndisputableError} {TransactionRevertedError} such as ReceiptTooOld
   */
  challenge(
    bundle: Bundle,
    options?: GameOptions & VouchOptions & { model?: Uint8Array | ByteSource },
  ): Promise<Challenge>
  /** Receipts that the gateway did not pay because they show a fault of their provider, the newest first. */
  faults(options?: { signal?: AbortSignal }): Promise<ShownFault[]>
  /** The bundle that shows one of them. @throws {BundleMalformedError} @throws {GatewayRefusedError} */
  faultBundle(id: string, options?: { signal?: AbortSignal }): Promise<Bundle>
  /**
   * Shows on chain what one bundle, of an answer or a training, or two of one job, prove against their provider. Anybody may; the user of the receipt and
   * whoever reports get a share of what it loses.
   * @throws {NoFaultShownError} @throws {ForeignFaultError} @throws {TransactionRevertedError}
   */
  report(bundle: Signed, other?: Signed, options?: SendOptions): Promise<FaultReport>
  /** The transaction that paid for the answer; undefined until its batch is settled. */
  settlement(bundle: Bundle): Promise<Settlement | undefined>
}

export type ShownFault = { id: string; provider: Hex; jobNonce: bigint; kind: string; atSeconds: number }

export function openReceipts(context: ClientContext, files: FilesApi): ReceiptsApi {
  const bundleAt = async (path: string, receiptId: string, signal: AbortSignal | undefined) =>
    readReceivedBundle(receiptId, await getJson(context, path, signal))
  return {
    get: (id, { signal } = {}) => bundleAt(`/v1/receipts/${encodeURIComponent(id)}`, id, signal),
    faultBundle: (id, { signal } = {}) => bundleAt(`/v1/faults/${encodeURIComponent(id)}`, id, signal),
    faults: async ({ signal } = {}) => readFaults(await getJson(context, '/v1/faults', signal)),
    report: (bundle, other, options) => reportFault(context, bundle, other, options),
    verify: (bundle, options = {}) => verifyReceipt(context, files, bundle, options),
    dispute: (bundle, options = {}) => disputeReceipt(context, files, bundle, options),
    async submitVerdict(verdict, { model, ...options } = {}) {
      const { submitVerdict } = await import('./onChain/submitVerdict.ts')
      const weights = model ?? (await files.download(verdict.receipt.modelRoot, { isRaw: true }))
      return submitVerdict(context, verdict, weights, options)
    },
    async challenge(bundle, { model, ...options } = {}) {
      const { challengeReceipt } = await import('./onChain/challengeReceipt.ts')
      const weights = model ?? (await files.download(bundle.receipt.modelRoot, { isRaw: true }))
      return challengeReceipt(context, bundle, weights, options)
    },
    settlement: (bundle) => findSettlement(context, bundle),
  }
}

/** @throws {BundleMalformedError} */
export async function readReceivedBundle(receiptId: string, document: unknown): Promise<Bundle> {
  const { readBundle } = await import('@weightless/receipt/bundle')
  const verdict = readBundle(document)
  if (!verdict.ok) throw new BundleMalformedError({ receiptId, detail: verdict.detail })
  return verdict.value
}

/** What is malformed is left out: the bundle is what counts. */
function readFaults(document: unknown): ShownFault[] {
  const { data } = (document ?? {}) as { data?: unknown }
  if (!Array.isArray(data)) return []
  return data.flatMap((entry) => {
    const { id, provider, job_nonce: jobNonce, kind, at } = (entry ?? {}) as Record<string, unknown>
    if (typeof id !== 'string' || typeof kind !== 'string' || !isHexOf(provider, 20)) return []
    if (typeof jobNonce !== 'string' || !/^\d{1,78}$/.test(jobNonce)) return []
    return [{ id, provider, jobNonce: BigInt(jobNonce), kind, atSeconds: Number(at) }]
  })
}

export class BundleMalformedError extends WeightlessError {
  constructor(facts: { receiptId: string; detail: string | undefined }) {
    super('sdk/bundle-malformed', 'What was sent is not a receipt with its opening.', facts)
  }
}
