/**
 * Ed25519 signatures (RFC 8032) through a port: JavaScript by default, so that they work in any browser; an environment
 * with a native one installs it once with `setEd25519`. Nodes of the storage network are named by such keys.
 */
import { ed25519 } from '@noble/curves/ed25519.js'

export type Ed25519 = {
  publicKey(secretKey: Uint8Array): Uint8Array
  sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array
  verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

let engine: Ed25519 = {
  publicKey: (secretKey) => ed25519.getPublicKey(secretKey),
  sign: (message, secretKey) => ed25519.sign(message, secretKey),
  verify(signature, message, publicKey) {
    try {
      return ed25519.verify(signature, message, publicKey)
    } catch {
      // A point that is not on the curve: whoever sent it, the answer is no.
      return false
    }
  },
}

export function setEd25519(next: Ed25519): void {
  engine = next
}

/** 32 bytes of public key for 32 bytes of secret key. */
export function ed25519PublicKey(secretKey: Uint8Array): Uint8Array {
  return engine.publicKey(secretKey)
}

/** 64 bytes. */
export function ed25519Sign(message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return engine.sign(message, secretKey)
}

/** False for anything malformed. */
export function ed25519Verify(signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean {
  return signature.length === 64 && publicKey.length === 32 && engine.verify(signature, message, publicKey)
}
