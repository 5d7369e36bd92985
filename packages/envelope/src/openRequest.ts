/** Opens a sealed request at the provider it was sealed to. Spec: ENVELOPE §4. */
import type { Hex } from '@weightless/codec'
import { envelopeHash } from './binding.ts'
import {
  boundBytes,
  EnvelopeInvalidError,
  envelopeVersion,
  type JsonObject,
  mergeFields,
  metaOf,
  readSealedMeta,
} from './envelope.ts'
import { type EnvelopeKey, keyIdOf } from './envelopeKey.ts'
import { fromBase64Url, kemId, requestInfo, setUpRecipient } from './suite.ts'

export type OpenedRequest = {
  /** The request as the client wrote it. */
  request: JsonObject
  /** X25519, 32 bytes: where the reply is sealed to. */
  clientPublicKey: Uint8Array
  /** The half of the signed text that stands for the request. */
  requestHash: Uint8Array
}

/** @throws {EnvelopeInvalidError} for whatever is wrong with it: nothing of it may be used */
export async function openRequest(envelope: JsonObject, key: EnvelopeKey, signer: Hex): Promise<OpenedRequest> {
  const meta = metaOf(envelope)
  if (meta.v !== envelopeVersion || meta.kem_id !== kemId) {
    throw new EnvelopeInvalidError('its version or suite is another')
  }
  if (typeof meta.signer_addr !== 'string' || meta.signer_addr.toLowerCase() !== signer.toLowerCase()) {
    throw new EnvelopeInvalidError('it is for another provider')
  }
  if (meta.key_id !== keyIdOf(key.publicKey)) throw new EnvelopeInvalidError('it is sealed to a key that is not in use')
  const clientPublicKey = bytesOf(meta.client_eph_pub, 32)
  const enc = bytesOf(meta.enc, 32)
  const { sealedFields, ciphertext } = readSealedMeta(envelope)
  let plaintext: Uint8Array
  try {
    const recipient = await setUpRecipient(key.privateKey, enc, requestInfo)
    plaintext = await recipient.open(ciphertext, boundBytes(envelope))
  } catch (cause) {
    throw new EnvelopeInvalidError('its seal is broken', cause)
  }
  return {
    request: mergeFields(envelope, plaintext, sealedFields),
    clientPublicKey,
    requestHash: envelopeHash(envelope),
  }
}

function bytesOf(value: unknown, length: number): Uint8Array {
  const bytes = typeof value === 'string' ? fromBase64Url(value) : undefined
  if (bytes?.length === length) return bytes
  throw new EnvelopeInvalidError('a key in it is malformed')
}
