export {
  type Acceptance,
  type Authorization,
  type BrokenTerm,
  brokenTerm,
  hashAcceptance,
  hashAuthorization,
  isAccepted,
  isForJob,
  type SigningPlace,
  signAcceptance,
} from './authorization.ts'
export {
  bundleBytesMax,
  bundleToJson,
  choicesMax,
  choicesOf,
  isBodyBundle,
  isChatBundle,
  logitBiasMax,
  openingToJson,
  parseBundle,
  readBundle,
  receiptToJson,
} from './bundle.ts'
export { checkBundle, type Difference, type Expectations, type Fault } from './checkBundle.ts'
export {
  bodyOutputHash,
  bodyRequestHash,
  changesLogits,
  choiceSeed,
  feeOf,
  inputHash,
  type LogitBias,
  type Message,
  outputHash,
  outputsHash,
  type Price,
  priceId,
  type RequestShape,
  requestHash,
  type SamplerParameters,
  type SeedSource,
  samplerHash,
  seedOf,
  traceRootsHash,
  zeroWord,
} from './commitments.ts'
export { compareAnswers } from './compareAnswers.ts'
export { findProvableFault, type ProvableFault, type Signed } from './findProvableFault.ts'
export { declareSampler, plainWords } from './fingerprint/plainSampler.ts'
export { type LogprobKind, logprobKinds, printProgram } from './fingerprint/printProgram.ts'
export { type PrintedRequest, readPrintedRequest } from './fingerprint/readPrinted.ts'
export { type VerifyPrintOptions, verifyPrint } from './fingerprint/verifyPrint.ts'
export type { BodyFinish, BodyOpening, Bundle, ChatOpening, ChoiceOutput, Opening } from './openedReceipt.ts'
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
  signTyped,
  type TypedSigner,
} from './receipt.ts'
export { batchProofMax, type DigestSigner, signReceiptBatch } from './receiptBatch.ts'
export { type VerifyBodyOptions, verifyBody } from './verifyBody.ts'
export {
  type Verification,
  type VerifyOptions,
  type VerifyProgress,
  verifyBundle,
  verifyWithModel,
} from './verifyBundle.ts'
