/**
 * ECDSA over the NIST curves (FIPS 186-5) through a port: JavaScript by default, so that it works in any browser; an
 * environment with a native one installs it once with `setNistEcdsa`. Makers of trusted hardware sign with these curves.
 */
import { p256, p384 } from '@noble/curves/nist.js'

/** P-256 goes with SHA-256, P-384 with SHA-384, as in every format that is read here. */
export type NistCurve = 'P-256' | 'P-384'

export type NistEcdsa = {
  verify(curve: NistCurve, signature: Uint8Array, message: Uint8Array, publicKey: Uint8Array): boolean
}

/** Bytes of a coordinate, of r and of s. */
const widths: { readonly [curve in NistCurve]: number } = { 'P-256': 32, 'P-384': 48 }
const curves = { 'P-256': p256, 'P-384': p384 }

let engine: NistEcdsa = {
  verify(curve, signature, message, publicKey) {
    try {
      return curves[curve].verify(signature, message, publicKey, { lowS: false })
    } catch {
      // A point that is not on the curve, an r of zero: whoever sent it, the answer is no.
      return false
    }
  },
}

export function setNistEcdsa(next: NistEcdsa): void {
  engine = next
}

/** Answers for the length of one synchronous call; undefined leaves the question to the engine. */
type Oracle = { verify(...question: Parameters<NistEcdsa['verify']>): boolean | undefined }

let oracle: Oracle | undefined

/** Runs `work`, whose questions `next` answers; for `verifyTogether` alone. */
export function askNist<Result>(next: Oracle, work: () => Result): Result {
  const before = oracle
  oracle = next
  try {
    return work()
  } finally {
    oracle = before
  }
}

/**
 * False for anything malformed.
 * @param signature - r | s, 64 or 96 bytes
 * @param message - not yet hashed
 * @param publicKey - 04 | x | y, 65 or 97 bytes
 */
export function nistVerify(
  curve: NistCurve,
  signature: Uint8Array,
  message: Uint8Array,
  publicKey: Uint8Array,
): boolean {
  const width = widths[curve]
  if (signature.length !== 2 * width || publicKey.length !== 2 * width + 1 || publicKey[0] !== 4) return false
  return oracle?.verify(curve, signature, message, publicKey) ?? engine.verify(curve, signature, message, publicKey)
}

/** r | s over the hashed message, deterministic (RFC 6979). */
export function nistSign(curve: NistCurve, message: Uint8Array, secretKey: Uint8Array): Uint8Array {
  return curves[curve].sign(message, secretKey, { lowS: false })
}

/** 04 | x | y. */
export function nistPublicKey(curve: NistCurve, secretKey: Uint8Array): Uint8Array {
  return curves[curve].getPublicKey(secretKey, false)
}
