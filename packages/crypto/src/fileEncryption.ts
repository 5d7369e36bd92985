/**
 * The network's form of encrypted files: a header, then the content under AES-256-CTR. Version 1 has a shared key, version
 * 2 one that only the recipient's secp256k1 key opens. Neither has a checksum, so a wrong key gives wrong bytes without a
 * word; what the root proves is the encrypted file. Spec: storage §14.
 */
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 as sha256Digest } from '@noble/hashes/sha2.js'
import { accept, concatBytes, reject, textToBytes, uintToBytes, type Verdict, WeightlessError } from '@weightless/codec'
import { sha256 } from './sha256.ts'

export type EncryptionHeader =
  | { version: 1; nonce: Uint8Array; headerBytes: 17 }
  | { version: 2; nonce: Uint8Array; ephemeralPublicKey: Uint8Array; headerBytes: 50 }

export const encryptionHeaderBytesMax = 50

/** `nonce` 16 bytes, `ephemeralPublicKey` 33 (compressed). */
export function encodeEncryptionHeader(nonce: Uint8Array, ephemeralPublicKey?: Uint8Array): Uint8Array {
  if (!ephemeralPublicKey) return concatBytes([new Uint8Array([1]), nonce])
  return concatBytes([new Uint8Array([2]), ephemeralPublicKey, nonce])
}

/** @param bytes the beginning of a file, 50 bytes where it has so many. A plain file may begin like a header, too. */
export function decodeEncryptionHeader(bytes: Uint8Array): Verdict<EncryptionHeader, 'not-encrypted'> {
  if (bytes[0] === 1 && bytes.length >= 17) return accept({ version: 1, nonce: bytes.slice(1, 17), headerBytes: 17 })
  const isKey = bytes[0] === 2 && bytes.length >= 50 && secp256k1.utils.isValidPublicKey(bytes.subarray(1, 34))
  if (!isKey) return reject('not-encrypted')
  return accept({
    version: 2,
    ephemeralPublicKey: bytes.slice(1, 34),
    nonce: bytes.slice(34, 50),
    headerBytes: 50,
  })
}

/**
 * The AES key between a public and a secret key, 32 bytes: the sender's ephemeral secret with the recipient's public key,
 * or the recipient's secret with the header's ephemeral public key.
 * @throws {EncryptionKeyInvalidError}
 */
export function sharedFileKey(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  try {
    const x = secp256k1.getSharedSecret(secretKey, publicKey).subarray(1, 33)
    return hkdf(sha256Digest, x, undefined, textToBytes('0g-storage-client/ecies/v1/aes-256'), 32)
  } catch (cause) {
    throw new EncryptionKeyInvalidError({ reason: 'no such key on secp256k1' }, cause)
  }
}

/** Compressed, 33 bytes. @throws {EncryptionKeyInvalidError} */
export function encryptionPublicKey(secretKey: Uint8Array): Uint8Array {
  try {
    return secp256k1.getPublicKey(secretKey, true)
  } catch (cause) {
    throw new EncryptionKeyInvalidError({ reason: 'no such key on secp256k1' }, cause)
  }
}

/** What a wallet signs (EIP-191) so that `privateFileKey` can be made of the signature; shown to the user by the wallet. */
export const privateFileMessage =
  'Weightless: open my private files.\n\nSign this only in applications that may read all your private files.'

/**
 * A key for private files out of a wallet that can only sign: HKDF-SHA256 over r and s of its signature of
 * `privateFileMessage`. Wallets sign deterministically (RFC 6979), so the same wallet gives the same key anywhere; one that
 * does not must keep the key instead.
 * @param signature 65 bytes r, s, v; or 64
 */
export function privateFileKey(signature: Uint8Array): Uint8Array {
  if (signature.length !== 64 && signature.length !== 65) {
    throw new EncryptionKeyInvalidError({ reason: 'a signature has 64 or 65 bytes' })
  }
  return hkdf(sha256Digest, signature.subarray(0, 64), undefined, textToBytes('weightless/private-file-key/1'), 32)
}

/**
 * A nonce that depends on key and content alone, 16 bytes: an upload that is taken up again has the same root, and no two
 * contents share a nonce. Whoever sees two encrypted files learns only whether they are the same.
 * @param plainRoot file root of the content before encryption
 */
export function contentNonce(key: Uint8Array, plainRoot: Uint8Array, sizeBytes: number): Uint8Array {
  const info = concatBytes([textToBytes('weightless/content-nonce/1'), plainRoot, uintToBytes(BigInt(sizeBytes), 8)])
  return hkdf(sha256Digest, key, sha256(plainRoot), info, 16)
}

export class EncryptionKeyInvalidError extends WeightlessError {
  constructor(facts: { reason: string }, cause?: unknown) {
    super('crypto/encryption-key-invalid', 'This is not a key for files.', facts, { cause })
  }
}
