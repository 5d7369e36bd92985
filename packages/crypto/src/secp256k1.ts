/**
 * ECDSA over secp256k1 with recovery (SEC 1 4.1.6) through a port: JavaScript by default, so that it works in any
 * browser; an environment with libsecp256k1 installs it once with `setSecp256k1`. Accounts sign with such keys.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak256 } from './keccakKernel.ts'

export type RecoverableSignature = {
  /** r and s, 32 bytes each, low s. */
  signature: Uint8Array
  recoveryId: 0 | 1
}

export type Secp256k1 = {
  engine: 'native' | 'wasm' | 'javascript'
  recover(hash: Uint8Array, signature: Uint8Array, recoveryId: 0 | 1): Uint8Array | undefined
  sign(hash: Uint8Array, privateKey: Uint8Array): RecoverableSignature
  publicKey(privateKey: Uint8Array): Uint8Array | undefined
}

let engine: Secp256k1 = {
  engine: 'javascript',
  recover(hash, signature, recoveryId) {
    try {
      const recovered = new Uint8Array(65)
      recovered[0] = recoveryId
      recovered.set(signature, 1)
      return secp256k1.Signature.fromBytes(recovered, 'recovered').recoverPublicKey(hash).toBytes(false)
    } catch {
      // Values outside the group: no key has this signature.
      return undefined
    }
  },
  sign(hash, privateKey) {
    const recovered = secp256k1.sign(hash, privateKey, { prehash: false, format: 'recovered' })
    return { signature: recovered.slice(1), recoveryId: recovered[0] === 0 ? 0 : 1 }
  },
  publicKey: (privateKey) =>
    secp256k1.utils.isValidSecretKey(privateKey) ? secp256k1.getPublicKey(privateKey, false) : undefined,
}

export function setSecp256k1(next: Secp256k1): void {
  engine = next
}

/** Which implementation is at work. */
export function secp256k1Engine(): Secp256k1['engine'] {
  return engine.engine
}

/** Deterministic (RFC 6979), low s; `hash` has 32 bytes. */
export function secp256k1Sign(hash: Uint8Array, privateKey: Uint8Array): RecoverableSignature {
  return engine.sign(hash, privateKey)
}

/** 65 bytes, uncompressed; undefined when no key has this signature. */
export function secp256k1Recover(hash: Uint8Array, signature: Uint8Array, recoveryId: 0 | 1): Uint8Array | undefined {
  if (hash.length !== 32 || signature.length !== 64) return undefined
  return engine.recover(hash, signature, recoveryId)
}

/** 65 bytes, uncompressed; undefined for what is no private key. */
export function secp256k1PublicKey(privateKey: Uint8Array): Uint8Array | undefined {
  return privateKey.length === 32 ? engine.publicKey(privateKey) : undefined
}

/** The 20 bytes of the account with this uncompressed public key. */
export function accountOf(publicKey: Uint8Array): Uint8Array {
  return keccak256(publicKey.subarray(1)).subarray(12)
}

/** The account that signed: `signature` is r, s and v (0, 1, 27 or 28). Undefined for what is no signature. */
export function recoverAccount(hash: Uint8Array, signature: Uint8Array): Uint8Array | undefined {
  if (signature.length !== 65) return undefined
  const v = signature[64]! >= 27 ? signature[64]! - 27 : signature[64]!
  if (v !== 0 && v !== 1) return undefined
  const publicKey = secp256k1Recover(hash, signature.subarray(0, 64), v)
  return publicKey && accountOf(publicKey)
}
