/**
 * The curve behind signatures: libsecp256k1 as the prebuilt native addon, or the same library in WebAssembly where no
 * prebuild fits. The `secp256k1` package's own slow fallback (elliptic) is never loaded, hence the deep import.
 */
import { WeightlessError } from '@weightless/codec'

export type Secp256k1 = {
  engine: 'native' | 'wasm'
  /** 65-byte uncompressed public key; undefined when no key has this signature. */
  recover(hash: Uint8Array, signature: Uint8Array, recoveryId: 0 | 1): Uint8Array | undefined
  /** Deterministic (RFC 6979), low s. */
  sign(hash: Uint8Array, privateKey: Uint8Array): { signature: Uint8Array; recoveryId: 0 | 1 }
  /** 65-byte uncompressed. @throws {PrivateKeyInvalidError} */
  publicKey(privateKey: Uint8Array): Uint8Array
}

let loading: Promise<Secp256k1> | undefined

/** Loads the curve once per thread. */
export function loadSecp256k1(): Promise<Secp256k1> {
  loading ??= loadNative().catch(() => loadWasm())
  return loading
}

async function loadNative(): Promise<Secp256k1> {
  const { default: native } = await import('secp256k1/bindings.js')
  return {
    engine: 'native',
    recover(hash, signature, recoveryId) {
      try {
        return native.ecdsaRecover(signature, recoveryId, hash, false)
      } catch (error) {
        // The addon throws plain errors for values outside the group; anything of another kind is our own mistake.
        if (error instanceof TypeError) throw error
        return undefined
      }
    },
    sign(hash, privateKey) {
      const { signature, recid } = native.ecdsaSign(hash, privateKey)
      return { signature, recoveryId: recid === 0 ? 0 : 1 }
    },
    publicKey(privateKey) {
      if (privateKey.length !== 32 || !native.privateKeyVerify(privateKey)) throw new PrivateKeyInvalidError()
      return native.publicKeyCreate(privateKey, false)
    },
  }
}

async function loadWasm(): Promise<Secp256k1> {
  const wasm = await import('tiny-secp256k1')
  return {
    engine: 'wasm',
    recover(hash, signature, recoveryId) {
      try {
        return wasm.recover(hash, signature, recoveryId, false) ?? undefined
      } catch (error) {
        if (error instanceof TypeError || error instanceof Error) return undefined
        throw error
      }
    },
    sign(hash, privateKey) {
      const { signature, recoveryId } = wasm.signRecoverable(hash, privateKey)
      return { signature, recoveryId: recoveryId === 0 ? 0 : 1 }
    },
    publicKey(privateKey) {
      const key = wasm.isPrivate(privateKey) ? wasm.pointFromScalar(privateKey, false) : null
      if (key === null) throw new PrivateKeyInvalidError()
      return key
    },
  }
}

export class PrivateKeyInvalidError extends WeightlessError {
  constructor() {
    super('chain/private-key-invalid', 'A private key is not 32 bytes inside the order of the curve.')
  }
}
