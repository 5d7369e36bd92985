/** EIP-712 domains and types that the contracts verify. Spec: spec/settlement.md 2, spec/receipt.md 2, compute.md B.4. */

/** Domain of receipts, vouchers and authorisations, without `chainId` and `verifyingContract` (ReceiptSettlement). */
export const receiptDomain = { name: 'Weightless Receipt', version: '1' } as const

/** Domain of settlements on a signer's word, without `chainId` and `verifyingContract` (InferenceServing). */
export const teeSettlementDomain = { name: '0G Inference Serving', version: '1' } as const

export const voucherTypes = {
  Voucher: [
    { name: 'user', type: 'address' },
    { name: 'provider', type: 'address' },
    { name: 'cumulativeFee', type: 'uint256' },
    { name: 'jobNonce', type: 'uint256' },
    { name: 'receiptsRoot', type: 'bytes32' },
  ],
} as const

export const authorizationTypes = {
  Authorization: [
    { name: 'user', type: 'address' },
    { name: 'provider', type: 'address' },
    { name: 'jobNonce', type: 'uint256' },
    { name: 'requestHash', type: 'bytes32' },
    { name: 'priceId', type: 'bytes32' },
    { name: 'maxFee', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

/** A provider takes the job of an authorisation, given by its own EIP-712 digest. Spec: spec/settlement.md 2.7 */
export const acceptanceTypes = { Acceptance: [{ name: 'authorization', type: 'bytes32' }] } as const

/** A provider's word which file it delivers for a training's receipt, given by its own EIP-712 digest. Spec: spec/receipt.md 9.5 */
export const deliveryTypes = {
  Delivery: [
    { name: 'receipt', type: 'bytes32' },
    { name: 'id', type: 'string' },
    { name: 'root', type: 'bytes32' },
  ],
} as const

/**
 * A provider's word for the root of one operator's working in a disputed answer, given by its receipt's EIP-712 digest.
 * Spec: spec/dispute.md 9.2
 */
export const workingTypes = {
  Working: [
    { name: 'receipt', type: 'bytes32' },
    { name: 'choice', type: 'uint32' },
    { name: 'position', type: 'uint32' },
    { name: 'operator', type: 'uint32' },
    { name: 'root', type: 'bytes32' },
  ],
} as const

/**
 * A trainer's word for what it is held to in a dispute over a training: at place 0 the root over all state hashes, at n + 1 that over the tables of step n.
 * Spec: spec/dispute.md 14.5
 */
export const trainingRootTypes = {
  TrainingRoot: [
    { name: 'receipt', type: 'bytes32' },
    { name: 'place', type: 'uint32' },
    { name: 'leaves', type: 'uint32' },
    { name: 'root', type: 'bytes32' },
  ],
} as const

export const receiptTypes = {
  Receipt: [
    { name: 'version', type: 'uint16' },
    { name: 'serviceClass', type: 'uint8' },
    { name: 'check', type: 'uint8' },
    { name: 'chainId', type: 'uint256' },
    { name: 'user', type: 'address' },
    { name: 'provider', type: 'address' },
    { name: 'modelRoot', type: 'bytes32' },
    { name: 'programId', type: 'bytes32' },
    { name: 'tokenizerRoot', type: 'bytes32' },
    { name: 'sampler', type: 'bytes32' },
    { name: 'seed', type: 'bytes32' },
    { name: 'inputHash', type: 'bytes32' },
    { name: 'outputHash', type: 'bytes32' },
    { name: 'traceRoot', type: 'bytes32' },
    { name: 'promptTokens', type: 'uint64' },
    { name: 'completionTokens', type: 'uint64' },
    { name: 'priceId', type: 'bytes32' },
    { name: 'fee', type: 'uint256' },
    { name: 'jobNonce', type: 'uint256' },
    { name: 'timestamp', type: 'uint64' },
  ],
} as const

/** Many receipts under one signature, by the root of the tree over their digests. */
export const receiptBatchTypes = { ReceiptBatch: [{ name: 'root', type: 'bytes32' }] } as const

export const teeSettlementTypes = {
  TEESettlement: [
    { name: 'requestsHash', type: 'bytes32' },
    { name: 'nonce', type: 'uint256' },
    { name: 'provider', type: 'address' },
    { name: 'user', type: 'address' },
    { name: 'totalFee', type: 'uint256' },
  ],
} as const

/** A provider's consent to an instant refund; signed for the domain of the serving contract that has the account. */
export const refundConsentTypes = {
  RefundConsent: [
    { name: 'user', type: 'address' },
    { name: 'provider', type: 'address' },
    { name: 'nonce', type: 'uint256' },
    { name: 'amount', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

/** Domain of fine-tuning settlements, without `chainId` and `verifyingContract` (FineTuningServing). */
export const fineTuningDomain = { name: '0G Fine-Tuning Serving', version: '1' } as const

export const verifierMessageTypes = {
  VerifierMessage: [
    { name: 'id', type: 'string' },
    { name: 'encryptedSecret', type: 'bytes' },
    { name: 'modelRootHash', type: 'bytes' },
    { name: 'nonce', type: 'uint256' },
    { name: 'taskFee', type: 'uint256' },
    { name: 'user', type: 'address' },
  ],
} as const
