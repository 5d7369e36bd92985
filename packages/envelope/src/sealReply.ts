/** Seals a reply frame by frame to the client's key; the frames' order and their end are part of the seal. ENVELOPE §5. */
import { textToBytes } from '@weightless/codec'
import {
  boundBytes,
  type Envelope,
  EnvelopeInvalidError,
  envelopeVersion,
  type JsonObject,
  metaField,
} from './envelope.ts'
import { replyInfo, setUpSender, toBase64Url } from './suite.ts'

export type ReplySealer = {
  /** Seals what the frame says; the last frame of the reply is `final`. Frames are sealed in the order of the calls. */
  seal(frame: JsonObject, final: boolean): Promise<Envelope>
}

/** What a reply says: chat and completions, responses, embeddings. */
const sensitiveFields = ['choices', 'output', 'output_text', 'data', 'delta', 'item', 'part', 'response', 'text']

export async function createReplySealer(clientPublicKey: Uint8Array): Promise<ReplySealer> {
  const sender = await setUpSender(clientPublicKey, replyInfo)
  let isFirst = true
  let turn: Promise<unknown> = Promise.resolve()

  async function sealNow(frame: JsonObject, final: boolean): Promise<Envelope> {
    const sealedFields = sensitiveFields.filter((name) => Object.hasOwn(frame, name))
    const [sealed, clear]: [JsonObject, JsonObject] = [{}, {}]
    for (const [name, value] of Object.entries(frame)) (sealedFields.includes(name) ? sealed : clear)[name] = value
    if (sealedFields.length === 0) {
      // The form wants one; an empty list of choices says nothing.
      sealedFields.push('choices')
      sealed.choices = []
    }
    const meta: JsonObject = {
      v: envelopeVersion,
      ...(isFirst && { enc: toBase64Url(sender.enc) }),
      sealed_fields: sealedFields,
      final,
    }
    isFirst = false
    const envelope: Envelope = { ...clear, [metaField]: meta }
    const ciphertext = await sender.seal(textToBytes(JSON.stringify(sealed)), boundBytes(envelope))
    envelope[metaField] = { ...meta, ciphertext: toBase64Url(ciphertext) }
    return envelope
  }

  return {
    seal(frame, final) {
      if (Object.hasOwn(frame, metaField)) throw new EnvelopeInvalidError('the frame is sealed already')
      const sealed = turn.then(() => sealNow(frame, final))
      turn = sealed.catch(() => undefined)
      return sealed
    },
  }
}
