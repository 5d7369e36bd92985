/** The X25519 key to which requests are sealed. A key of its own: accounts sign, this one only opens. Spec: ENVELOPE §2. */
import { textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { deriveKeyPair, toBase64Url } from './suite.ts'

/** 32 bytes each. */
export type EnvelopeKey = { privateKey: Uint8Array; publicKey: Uint8Array }

/** Derives the key from a secret of 32 bytes or more, apart from everything else that is derived from it. */
export function envelopeKeyFrom(secret: Uint8Array): Promise<EnvelopeKey> {
  const label = textToBytes('weightless/envelope/v1')
  const seed = new Uint8Array(label.length + secret.length)
  seed.set(label)
  seed.set(secret, label.length)
  return deriveKeyPair(sha256(seed))
}

/** `drawBytes` gives that many unpredictable bytes. */
export function generateEnvelopeKey(drawBytes: (length: number) => Uint8Array): Promise<EnvelopeKey> {
  return deriveKeyPair(drawBytes(32))
}

/** Which key of a provider: base64url of the first 8 bytes of its SHA-256. */
export function keyIdOf(publicKey: Uint8Array): string {
  return toBase64Url(sha256(publicKey).subarray(0, 8))
}
