/**
 * Encrypts content as the published clients of 0G storage do (header version 1): `0x01 | nonce 16`, then AES-256-CTR of
 * the content, counting up from the nonce. There is no authentication in it: the root in the catalogue is what proves the
 * bytes. Spec: s3 §5.
 */
import { createCipheriv } from 'node:crypto'
import type { BlobSource } from '@weightless/blobs'
import { bytesToUint, concatBytes, textToBytes, uintToBytes } from '@weightless/codec'
import { hmacSha256 } from '../auth/sha256Hmac.ts'

export const cipherHeaderBytes = 17
const nonceBytes = 16
const blockBytes = 16

export type ContentCipher = {
  /**
   * The encrypted form of a source.
   * @param contentId - the nonce is derived from it, so the same content has the same encrypted form, and two contents
   *   never share a stretch of key stream
   */
  encrypt(source: BlobSource, contentId: string): BlobSource
  /** 16 bytes. */
  nonceOf(contentId: string): Uint8Array
  /** Decrypts, or encrypts, bytes that stand at `offset` of the content. */
  crypt(nonce: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array
}

/** @param key - 32 bytes; whoever has it can read everything that this gateway has encrypted */
export function createContentCipher(key: Uint8Array): ContentCipher {
  const nonceKey = hmacSha256(key, textToBytes('weightless s3 nonce v1'))

  function crypt(nonce: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
    const counter = BigInt.asUintN(128, bytesToUint(nonce) + BigInt(Math.floor(offset / blockBytes)))
    const cipher = createCipheriv('aes-256-ctr', key, uintToBytes(counter, nonceBytes))
    cipher.update(new Uint8Array(offset % blockBytes))
    return new Uint8Array(cipher.update(bytes))
  }

  const nonceOf = (contentId: string): Uint8Array => hmacSha256(nonceKey, contentId).slice(0, nonceBytes)

  return {
    crypt,
    nonceOf,
    encrypt(source, contentId) {
      const nonce = nonceOf(contentId)
      const header = concatBytes([Uint8Array.of(1), nonce])
      return {
        sizeBytes: source.sizeBytes + cipherHeaderBytes,
        async read(offset, length) {
          const head = header.subarray(offset, offset + length)
          if (head.length === length) return head.slice()
          const at = Math.max(0, offset - cipherHeaderBytes)
          const body = crypt(nonce, at, await source.read(at, length - head.length))
          return head.length > 0 ? concatBytes([head, body]) : body
        },
      }
    },
  }
}
