/** Every bound and default of the chain in one place, as plain values; `openChain` and `serve` take overrides. */
import type { Spec } from '@weightless/evm'

/** The EVM's rules: contracts check trusted hardware by the precompile for P-256. */
export const chainSpec: Spec = 'cancun-p256'

export const chainLimits = {
  /** Large, so that 2,000 transfers a second stay far below the target and the base fee stays on its floor. */
  blockGasLimit: 500_000_000n,
  /** More would stall the event loop while one block executes. */
  blockTransactionsMax: 4_000,
  /** The floor of EIP-1559's integer arithmetic: below 8 wei the fee no longer falls. */
  genesisBaseFeePerGas: 7n,
  /** What wallets expect as a tip. */
  suggestedPriorityFeePerGas: 1_000_000_000n,
  /** eth_call and eth_estimateGas, unless the caller asks for less. */
  callGasMax: 100_000_000n,
}

export const poolLimits = {
  transactionsMax: 65_536,
  bytesMax: 64 * 1024 * 1024,
  perSenderMax: 4_096,
  /** geth's limit for one transaction. */
  transactionBytesMax: 128 * 1024,
  /** A replacement pays at least this much more, in percent, in fee and in tip. */
  replacementBumpPercent: 10n,
  /** EIP-3860. */
  initCodeBytesMax: 49_152,
  /** A transaction behind a nonce gap is forgotten after this. */
  gapLifetimeMs: 3 * 60 * 60 * 1000,
}

export const paceLimits = {
  /** The longest that arriving transactions are gathered into one block. */
  gatherMsMax: 200,
  /** How long silence has to last before a block is made. */
  gatherQuietMs: 3,
  /** Fewer arrivals than this in one quiet window count as silence. */
  gatherArrivalsMin: 2,
  heartbeatWatchedMs: 1_000,
  heartbeatIdleMs: 5_000,
  /** Someone who polled within this time counts as waiting. */
  audienceMemoryMs: 10_000,
}

export const rpcLimits = {
  bodyBytesMax: 16 * 1024 * 1024,
  batchMax: 2_000,
  /** Work of one batch stops with an error once its answers have this many characters. */
  batchResponseCharsMax: 32 * 1024 * 1024,
  connectionsMax: 512,
  subscriptionsPerSocketMax: 64,
  filtersMax: 1_024,
  /** Requests that wait for a new head at a time, and how long one may; beyond, they are answered at once. */
  headWaitersMax: 256,
  headWaitMsMax: 10_000,
  /** What one filter may hold before it is read. */
  filterItemsMax: 10_000,
  filterLifetimeMs: 5 * 60 * 1000,
  logsMax: 20_000,
  logBlocksMax: 1_000_000,
  logAddressesMax: 1_000,
  feeHistoryBlocksMax: 1_024,
  proofSlotsMax: 1_024,
  traceStepsMax: 200_000,
  mineBlocksMax: 10_000,
}

export const storeLimits = {
  segmentBytesMax: 64 * 1024 * 1024,
  /** Decoded blocks kept in memory. */
  recentBlocksMax: 128,
  /** Blocks built or checked but not chosen. */
  candidatesMax: 8,
}
