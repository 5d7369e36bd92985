export {
  type Bundle,
  bundleBytesMax,
  bundleToJson,
  type Opening,
  parseBundle,
  readBundle,
  receiptToJson,
} from './bundle.ts'
export { checkBundle, type Difference, type Expectations, type Fault } from './checkBundle.ts'
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
  receiptVersion,
  recoverReceiptSigner,
  serviceClasses,
  signerOfDigest,
  signReceipt,
  type TypedSigner,
} from './receipt.ts'
export {
  type Verification,
  type VerifyOptions,
  type VerifyProgress,
  verifyBundle,
  verifyWithModel,
} from './verifyBundle.ts'
