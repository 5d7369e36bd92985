/** What a provider signs about a sealed exchange: hashes of the very bytes on the wire. Spec: ENVELOPE §6. */
import { bytesToHex, concatBytes, textToBytes } from '@weightless/codec'
import { createSha256, sha256 } from '@weightless/crypto'
import canonicalize from 'canonicalize'
import { boundBytes, EnvelopeInvalidError, type JsonObject, readSealedMeta } from './envelope.ts'

const schemes = { whole: 'zg-sig-v1/e2ee-ct', stream: 'zg-sig-v1/e2ee-ct-stream', plain: 'zg-sig-v1/plain' } as const

/** `sha256(sha256(aad) ‖ sha256(ciphertext))`. */
export function bindingHash(aad: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  return sha256(concatBytes([sha256(aad), sha256(ciphertext)]))
}

/** The binding hash of a sealed request or of one frame of a reply. @throws {EnvelopeInvalidError} */
export function envelopeHash(envelope: JsonObject): Uint8Array {
  return bindingHash(boundBytes(envelope), readSealedMeta(envelope).ciphertext)
}

/** The text that is signed about a reply of one frame. */
export function signedText(requestHash: Uint8Array, reply: JsonObject): string {
  return textOf(schemes.whole, requestHash, envelopeHash(reply))
}

/** The text about an exchange in the clear. @throws {EnvelopeInvalidError} one of them is not JSON */
export function plainText(request: unknown, reply: unknown): string {
  const [asked, said] = [request, reply].map((value) => {
    const text = canonicalize(value)
    if (text === undefined) throw new EnvelopeInvalidError('it is not JSON')
    return sha256(textToBytes(text))
  })
  return textOf(schemes.plain, asked!, said!)
}

export type StreamBinder = {
  /** Takes the next frame of the reply, as it was sent. */
  add(frame: JsonObject): void
  /** The text that is signed about all of them; ends the binder. */
  text(): string
}

export function createStreamBinder(requestHash: Uint8Array): StreamBinder {
  const hashes = createSha256()
  return {
    add: (frame) => void hashes.update(envelopeHash(frame)),
    text: () => textOf(schemes.stream, requestHash, hashes.digest()),
  }
}

function textOf(scheme: string, requestHash: Uint8Array, replyHash: Uint8Array): string {
  return `${scheme}:${bytesToHex(requestHash).slice(2)}:${bytesToHex(replyHash).slice(2)}`
}
