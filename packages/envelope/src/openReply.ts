/** Opens the frames of a sealed reply, in order; a reply is whole only when its final frame has come. ENVELOPE §5. */
import { boundBytes, EnvelopeInvalidError, type JsonObject, mergeFields, metaOf, readSealedMeta } from './envelope.ts'
import { fromBase64Url, type Recipient, replyInfo, setUpRecipient } from './suite.ts'

export type ReplyOpener = {
  /** The frame as it was before it was sealed. @throws {EnvelopeInvalidError} forged, out of order, or after the end */
  open(frame: JsonObject): Promise<JsonObject>
  /** Whether the final frame has come; a reply that ends before it was cut off. */
  isWhole(): boolean
}

export function createReplyOpener(privateKey: Uint8Array): ReplyOpener {
  let recipient: Recipient | undefined
  let whole = false
  let broken = false

  async function openNow(frame: JsonObject): Promise<JsonObject> {
    if (whole) throw new EnvelopeInvalidError('it comes after the final frame')
    const meta = metaOf(frame)
    const { sealedFields, ciphertext } = readSealedMeta(frame)
    recipient ??= await begin(meta)
    let plaintext: Uint8Array
    try {
      plaintext = await recipient.open(ciphertext, boundBytes(frame))
    } catch (cause) {
      throw new EnvelopeInvalidError('its seal is broken, or a frame before it is missing', cause)
    }
    const opened = mergeFields(frame, plaintext, sealedFields)
    whole = meta.final === true
    return opened
  }

  function begin(meta: JsonObject): Promise<Recipient> {
    const enc = typeof meta.enc === 'string' ? fromBase64Url(meta.enc) : undefined
    if (enc?.length !== 32) throw new EnvelopeInvalidError('the first frame has no key')
    return setUpRecipient(privateKey, enc, replyInfo)
  }

  return {
    isWhole: () => whole && !broken,
    async open(frame) {
      if (broken) throw new EnvelopeInvalidError('a frame before it was not as it should be')
      try {
        return await openNow(frame)
      } catch (fault) {
        broken = true
        throw fault
      }
    },
  }
}
