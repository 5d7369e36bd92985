export {
  type Bundle,
  bundleBytesMax,
  bundleToJson,
  type Opening,
  parseBundle,
  readBundle,
  receiptToJson,
  type TraceStep,
} from './bundle.ts'
export {
  feeOf,
  inputHash,
  type Message,
  outputHash,
  type Price,
  priceId,
  requestHash,
  type SamplerParameters,
  type SeedSource,
  samplerHash,
  seedOf,
} from './commitments.ts'
export {
  checks,
  hashReceipt,
  type Receipt,
  receiptDomain,
  receiptTypes,
  receiptVersion,
  recoverReceiptSigner,
  serviceClasses,
  signReceipt,
} from './receipt.ts'
