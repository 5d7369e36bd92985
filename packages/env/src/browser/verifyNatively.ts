/** ECDSA over the NIST curves by the browser itself (WebCrypto), where a page may use it; else in JavaScript. */
import { type NistCurve, nistVerify } from '@weightless/crypto'

const hashes: { readonly [curve in NistCurve]: string } = { 'P-256': 'SHA-256', 'P-384': 'SHA-384' }

/**
 * For `verifyTogether`. False for anything malformed.
 * @param signature - r | s @param message - not yet hashed @param publicKey - 04 | x | y
 */
export async function verifyNatively(
  curve: NistCurve,
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): Promise<boolean> {
  const subtle = globalThis.crypto?.subtle
  // Pages that came over plain HTTP have none.
  if (!subtle) return nistVerify(curve, signature, message, publicKey)
  const [rs, text, point] = [signature, message, publicKey].map((bytes) => Uint8Array.from(bytes))
  try {
    const key = await subtle.importKey('raw', point!, { name: 'ECDSA', namedCurve: curve }, false, ['verify'])
    return await subtle.verify({ name: 'ECDSA', hash: hashes[curve] }, key, rs!, text!)
  } catch {
    // A point that is not on the curve: whoever sent it, the answer is no.
    return false
  }
}
