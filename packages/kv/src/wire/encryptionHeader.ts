/** The header of an encrypted file: version 1 is under a shared key, version 2 under a key agreed with its own. Spec: kv §1.3. */

export type EncryptionHeader =
  | { version: 1; headerBytes: 17; nonce: Uint8Array }
  | { version: 2; headerBytes: 50; nonce: Uint8Array; ephemeralKey: Uint8Array }

/**
 * @param start - the first 50 bytes of a file, or all of a shorter one
 * @returns undefined for a file in the clear: a transaction begins with the first byte of its version, which no sender
 *   lets be 1 or 2 (2^56 transactions)
 */
export function readEncryptionHeader(start: Uint8Array): EncryptionHeader | undefined {
  if (start[0] === 1 && start.length >= 17) return { version: 1, headerBytes: 17, nonce: start.slice(1, 17) }
  if (start[0] !== 2 || start.length < 50) return undefined
  // A compressed point of secp256k1.
  if (start[1] !== 2 && start[1] !== 3) return undefined
  return { version: 2, headerBytes: 50, ephemeralKey: start.slice(1, 34), nonce: start.slice(34, 50) }
}
