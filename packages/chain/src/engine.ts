/**
 * The seam between consensus and execution: the Engine API's methods and shapes (Cancun, V3), with bytes as Uint8Array
 * and quantities as bigint instead of JSON hex. The embedded engine implements it; so can geth or reth behind HTTP.
 *
 * Spec: https://github.com/ethereum/execution-apis/blob/main/src/engine/cancun.md
 */
export type Engine = {
  /**
   * Makes `headBlockHash` the head, durably, before it resolves. With `attributes` it also starts to build the next
   * block on that head and names it with `payloadId`.
   */
  forkchoiceUpdated(state: ForkchoiceState, attributes?: PayloadAttributesV3): Promise<ForkchoiceUpdated>
  /** The block being built. @throws {UnknownPayloadError} (-38001) */
  getPayload(payloadId: Uint8Array): Promise<PayloadEnvelope>
  /** Executes and checks a block without choosing it. */
  newPayload(
    payload: ExecutionPayloadV3,
    expectedBlobVersionedHashes: readonly Uint8Array[],
    parentBeaconBlockRoot: Uint8Array,
  ): Promise<PayloadStatus>
}

export type ForkchoiceState = {
  headBlockHash: Uint8Array
  safeBlockHash: Uint8Array
  finalizedBlockHash: Uint8Array
}

/** `timestamp` in seconds. */
export type PayloadAttributesV3 = {
  timestamp: number
  prevRandao: Uint8Array
  suggestedFeeRecipient: Uint8Array
  withdrawals: readonly EngineWithdrawal[]
  parentBeaconBlockRoot: Uint8Array
}

export type EngineWithdrawal = { index: number; validatorIndex: number; address: Uint8Array; amountGwei: bigint }

export type ExecutionPayloadV3 = {
  parentHash: Uint8Array
  feeRecipient: Uint8Array
  stateRoot: Uint8Array
  receiptsRoot: Uint8Array
  logsBloom: Uint8Array
  prevRandao: Uint8Array
  blockNumber: number
  gasLimit: bigint
  gasUsed: bigint
  timestamp: number
  extraData: Uint8Array
  baseFeePerGas: bigint
  blockHash: Uint8Array
  transactions: readonly Uint8Array[]
  withdrawals: readonly EngineWithdrawal[]
  blobGasUsed: bigint
  excessBlobGas: bigint
}

export type PayloadEnvelope = {
  executionPayload: ExecutionPayloadV3
  /** Tips that the fee recipient earns, in wei. */
  blockValueWei: bigint
}

export type PayloadStatus =
  | { status: 'VALID'; latestValidHash: Uint8Array; validationError: undefined }
  | { status: 'INVALID'; latestValidHash: Uint8Array | undefined; validationError: string }
  | { status: 'SYNCING'; latestValidHash: undefined; validationError: undefined }

export type ForkchoiceUpdated = { payloadStatus: PayloadStatus; payloadId: Uint8Array | undefined }
