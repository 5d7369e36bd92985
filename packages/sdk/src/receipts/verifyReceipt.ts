/** What a check of a bundle needs and says. */
import type { Hex } from '@weightless/codec'
import { WeightlessError } from '@weightless/codec'
import type { Bundle } from '@weightless/receipt'

export type VerifyOptions = {
  /** Where the weights come from; they are checked by root by whoever loads them. Default: the storage network. */
  loadModelBytes?: (root: Hex) => Promise<Uint8Array>
  onProgress?: (progress: { done: number; total: number }) => void
  onModelProgress?: (progress: { doneBytes: number; totalBytes: number }) => void
}

export type VerifyOutcome =
  | { accepted: true; tokens: number }
  | { accepted: false; title: string; detail: string; token: number | undefined; operator: string | undefined }

export async function verifyReceipt(_bundle: Bundle, _options: VerifyOptions): Promise<VerifyOutcome> {
  throw new VerifierMissingError()
}

export class VerifierMissingError extends WeightlessError {
  constructor() {
    super('sdk/verifier-missing', 'This build has no verifier yet.')
  }
}
