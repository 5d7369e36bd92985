export { bindingHash, createStreamBinder, envelopeHash, plainText, signedText } from './binding.ts'
export {
  type Envelope,
  EnvelopeInvalidError,
  type JsonObject,
  readSealedMeta,
  type SealedMeta,
} from './envelope.ts'
export { type EnvelopeKey, envelopeKeyFrom, generateEnvelopeKey, keyIdOf } from './envelopeKey.ts'
export { createReplyOpener, type ReplyOpener } from './openReply.ts'
export { type OpenedRequest, openRequest } from './openRequest.ts'
export { isSealedFile, openSealedFile, sealedExtraBytes, sealFile } from './sealedFile.ts'
export { createReplySealer, type ReplySealer } from './sealReply.ts'
export { type SealedRequest, sealRequest } from './sealRequest.ts'
