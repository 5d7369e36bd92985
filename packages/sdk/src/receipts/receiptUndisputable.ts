/** Why a receipt cannot be disputed. Spec: spec/dispute.md §9.6 */
import { WeightlessError } from '@weightless/codec'

export class ReceiptUndisputableError extends WeightlessError {
  constructor(facts: { reason: string }) {
    super('sdk/receipt-undisputable', `No dispute can be had over this receipt: ${facts.reason}`, facts)
  }
}
