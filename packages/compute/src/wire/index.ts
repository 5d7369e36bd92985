export { adapterName } from './adapterName.ts'
export { type ApiError, type ApiErrorBody, type ApiErrorCode, errorBody, statusOf } from './apiError.ts'
export { askDefender, type SignedRoot } from './askDefender.ts'
export { type BodyRequest, readBodyRequest, type Units, unitsMax } from './bodyRequest.ts'
export type { ChatChunk, ChatCompletion, Logprobs, ModelCard, ModelList, TokenLogprob, Usage } from './chatAnswer.ts'
export { type ChatRequest, chatLimits, readChatRequest } from './chatRequest.ts'
export { datasetKeyText } from './datasetKey.ts'
export { countUp, deliveryFormat } from './deliveryFormat.ts'
export { type DisputeQuestion, disputeAnswerBytesMax, disputePath } from './disputeMessages.ts'
export { type NeedWish, needSchema } from './marketNeed.ts'
export { type MatchStatement, matchHeader, readMatchHeader } from './matchStatement.ts'
export {
  type Authorization,
  acceptanceHeader,
  acceptHeader,
  decodeTerms,
  emptyReceiptsRoot,
  encodeTerms,
  hashAuthorization,
  hashVoucher,
  type JobTerms,
  jobNonceHeader,
  nextReceiptsRoot,
  readVoucher,
  receiptHeader,
  type SignedVoucher,
  type SigningPlace,
  signAuthorization,
  signVoucher,
  termsHeader,
  type Voucher,
  type VoucherNote,
  voucherToJson,
} from './payment.ts'
export { remakeEmbeddings } from './remakeEmbeddings.ts'
export { ephemeralTokenId, readSdkToken, type SdkToken, sdkTokenPrefix, signSdkToken } from './sdkToken.ts'
export { isServicePath, type ServiceName, type ServicePath, serviceNames, serviceOf } from './services.ts'
export { sharedAnswersMax, sharedAnswersPath, sharedAskMessage, shareHeader, shareWord } from './sharedAnswers.ts'
export { type TrainingQuestion, trainingAnswerBytesMax } from './trainingQuestions.ts'
export {
  isTrainingVerdict,
  parseTrainingVerdict,
  type TrainingVerdictFile,
  trainingVerdictBytesMax,
  trainingVerdictToJson,
} from './trainingVerdict.ts'
export {
  adapterBytesMax,
  type OpenedRequest,
  parseVerdictFile,
  readVerdictFile,
  type ShownAdapter,
  type VerdictFile,
  verdictFileBytesMax,
  verdictFileToJson,
} from './verdictFile.ts'
export {
  answersOf,
  detectionOf,
  isDrawn,
  readVerificationStatement,
  type VerificationLevel,
  type VerificationStatement,
  verificationHeader,
  verificationHeaderOf,
  verificationSchema,
} from './verificationLevel.ts'
