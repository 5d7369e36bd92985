/** Fetches receipts with their openings, and checks them by doing the work again; the provider is not asked. */
import { WeightlessError } from '@weightless/codec'
import type { Bundle, Verification } from '@weightless/receipt'

import { getJson } from '../chat/callGateway.ts'
import type { ClientContext } from '../client.ts'
import type { FilesApi } from '../files/openFiles.ts'
import { findSettlement, type Settlement } from './findSettlement.ts'
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
  /** The transaction that paid for the answer; undefined until its batch is settled. */
  settlement(bundle: Bundle): Promise<Settlement | undefined>
}

export function openReceipts(context: ClientContext, files: FilesApi): ReceiptsApi {
  return {
    async get(receiptId, { signal } = {}) {
      const document = await getJson(context, `/v1/receipts/${encodeURIComponent(receiptId)}`, signal)
      return readReceivedBundle(receiptId, document)
    },
    verify: (bundle, options = {}) => verifyReceipt(context, files, bundle, options),
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

export class BundleMalformedError extends WeightlessError {
  constructor(facts: { receiptId: string; detail: string | undefined }) {
    super('sdk/bundle-malformed', 'What was sent is not a receipt with its opening.', facts)
  }
}
