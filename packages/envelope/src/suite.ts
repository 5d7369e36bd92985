/** The one HPKE suite of version 1 (RFC 9180, base mode), and base64url as the envelopes write it. Spec: ENVELOPE §2. */
import { Chacha20Poly1305 } from '@hpke/chacha20poly1305'
import { CipherSuite, HkdfSha256 } from '@hpke/core'
import { DhkemX25519HkdfSha256 } from '@hpke/dhkem-x25519'
import { encodeBase64 } from '@weightless/codec'

export const kemId = '0x0020'
export const requestInfo = new TextEncoder().encode('0g-pc/v1/seal')
export const replyInfo = new TextEncoder().encode('0g-pc/v1/resp')

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Chacha20Poly1305(),
})

export type Sender = { enc: Uint8Array; seal(plaintext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> }
export type Recipient = { open(ciphertext: Uint8Array, aad: Uint8Array): Promise<Uint8Array> }

/** `ephemeralSeed` fixes the sender's key, for published vectors alone. */
export async function setUpSender(
  recipientPublicKey: Uint8Array,
  info: Uint8Array,
  ephemeralSeed?: Uint8Array,
): Promise<Sender> {
  const context = await suite.createSenderContext({
    recipientPublicKey: await suite.kem.deserializePublicKey(whole(recipientPublicKey)),
    info: whole(info),
    ...(ephemeralSeed && { ekm: whole(ephemeralSeed) }),
  })
  return {
    enc: new Uint8Array(context.enc),
    seal: async (plaintext, aad) => new Uint8Array(await context.seal(whole(plaintext), whole(aad))),
  }
}

export async function setUpRecipient(privateKey: Uint8Array, enc: Uint8Array, info: Uint8Array): Promise<Recipient> {
  const context = await suite.createRecipientContext({
    recipientKey: await suite.kem.deserializePrivateKey(whole(privateKey)),
    enc: whole(enc),
    info: whole(info),
  })
  return { open: async (ciphertext, aad) => new Uint8Array(await context.open(whole(ciphertext), whole(aad))) }
}

/** A pair derived from 32 bytes or more of secret (RFC 9180 §7.1.3). */
export async function deriveKeyPair(secret: Uint8Array): Promise<{ privateKey: Uint8Array; publicKey: Uint8Array }> {
  const pair = await suite.kem.deriveKeyPair(whole(secret))
  return {
    privateKey: new Uint8Array(await suite.kem.serializePrivateKey(pair.privateKey)),
    publicKey: new Uint8Array(await suite.kem.serializePublicKey(pair.publicKey)),
  }
}

function whole(bytes: Uint8Array): ArrayBuffer {
  return bytes.slice().buffer as ArrayBuffer
}

export function toBase64Url(bytes: Uint8Array): string {
  return encodeBase64(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** Undefined for what is not base64url. */
export function fromBase64Url(text: string): Uint8Array | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return undefined
  const latin = atob(text.replaceAll('-', '+').replaceAll('_', '/'))
  return Uint8Array.from(latin, (character) => character.charCodeAt(0))
}
