/**
 * Gives layer 0 libsecp256k1: the prebuilt native addon, or the same library in WebAssembly where no prebuild fits. The
 * `secp256k1` package's own slow fallback (elliptic) is never loaded, hence the deep import. Imported for its effect by
 * every thread.
 */
import { type Secp256k1, setSecp256k1 } from '@weightless/crypto'

export async function loadNativeSecp256k1(): Promise<Secp256k1> {
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
    publicKey: (privateKey) =>
      native.privateKeyVerify(privateKey) ? native.publicKeyCreate(privateKey, false) : undefined,
  }
}

export async function loadWasmSecp256k1(): Promise<Secp256k1> {
  const wasm = await import('tiny-secp256k1')
  return {
    engine: 'wasm',
    recover(hash, signature, recoveryId) {
      try {
        return wasm.recover(hash, signature, recoveryId, false) ?? undefined
      } catch {
        // It throws for values outside the group.
        return undefined
      }
    },
    sign(hash, privateKey) {
      const { signature, recoveryId } = wasm.signRecoverable(hash, privateKey)
      return { signature, recoveryId: recoveryId === 0 ? 0 : 1 }
    },
    publicKey: (privateKey) =>
      (wasm.isPrivate(privateKey) ? wasm.pointFromScalar(privateKey, false) : null) ?? undefined,
  }
}

setSecp256k1(await loadNativeSecp256k1().catch(() => loadWasmSecp256k1()))
