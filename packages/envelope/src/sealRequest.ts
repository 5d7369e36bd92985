/** Seals the fields of a request that only the chosen provider may read. Spec: ENVELOPE §4. */
import { type Hex, textToBytes } from '@weightless/codec'
import {
  boundBytes,
  type Envelope,
  EnvelopeInvalidError,
  envelopeVersion,
  type JsonObject,
  metaField,
} from './envelope.ts'
import { generateEnvelopeKey, keyIdOf } from './envelopeKey.ts'
import { createReplyOpener, type ReplyOpener } from './openReply.ts'
import { kemId, requestInfo, setUpSender, toBase64Url } from './suite.ts'

export type SealedRequest = {
  envelope: Envelope
  /** Opens the frames of the reply, in order. */
  reply: ReplyOpener
}

export type SealOptions = {
  /** X25519, 32 bytes: from the provider's registration or a verified quote. */
  recipient: Uint8Array
  /** The provider's account, which it checks against its own. */
  signer: Hex
  /** Fields to seal, as far as the request has them. */
  sealedFields?: readonly string[]
  /** Fields in the clear that may be changed on the way. */
  unboundFields?: readonly string[]
  drawBytes: (length: number) => Uint8Array
}

/** What a chat says: the prompt and the tools; completions, embeddings and responses carry theirs elsewhere. */
const sensitiveFields = ['messages', 'tools', 'prompt', 'input', 'instructions', 'suffix']

/** @throws {EnvelopeInvalidError} there is nothing to seal, or the request is an envelope already */
export async function sealRequest(request: JsonObject, options: SealOptions): Promise<SealedRequest> {
  const { recipient, signer, unboundFields = [], drawBytes } = options
  if (Object.hasOwn(request, metaField)) throw new EnvelopeInvalidError('the request is sealed already')
  const sealedFields = (options.sealedFields ?? sensitiveFields).filter((name) => Object.hasOwn(request, name))
  if (sealedFields.length === 0) throw new EnvelopeInvalidError('the request has none of the fields to seal')
  const [sealed, clear]: [JsonObject, JsonObject] = [{}, {}]
  for (const [name, value] of Object.entries(request)) (sealedFields.includes(name) ? sealed : clear)[name] = value
  const ephemeral = await generateEnvelopeKey(drawBytes)
  const sender = await setUpSender(recipient, requestInfo)
  const meta: JsonObject = {
    v: envelopeVersion,
    kem_id: kemId,
    key_id: keyIdOf(recipient),
    signer_addr: signer,
    client_eph_pub: toBase64Url(ephemeral.publicKey),
    enc: toBase64Url(sender.enc),
    sealed_fields: sealedFields,
    ...(unboundFields.length > 0 && { unbound_fields: [...unboundFields] }),
  }
  const envelope: Envelope = { ...clear, [metaField]: meta }
  const ciphertext = await sender.seal(textToBytes(JSON.stringify(sealed)), boundBytes(envelope))
  envelope[metaField] = { ...meta, ciphertext: toBase64Url(ciphertext) }
  return { envelope, reply: createReplyOpener(ephemeral.privateKey) }
}
