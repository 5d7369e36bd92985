/** What the two settlement calls answer per item. */

/** `ReceiptSettlement.settleVouchers`. Spec: spec/settlement.md 3.3. */
export const voucherStatus = {
  paid: 0,
  partial: 1,
  stale: 2,
  invalidSignature: 3,
} as const

/** `InferenceServing.settleFeesWithTEE` (compute.md B.4). */
export const teeSettlementStatus = {
  success: 0,
  partial: 1,
  providerMismatch: 2,
  noTeeSigner: 3,
  invalidNonce: 4,
  invalidSignature: 5,
} as const
