/**
 * Files that only key holders can read: encrypted on the way out, decrypted on the way in, at any offset. The root, the
 * size and the fee are those of the encrypted file. Spec: storage §14.
 */
import { accept, bytesEqual, concatBytes, reject, type Verdict } from '@weightless/codec'
import {
  aesCtr,
  contentNonce,
  decodeEncryptionHeader,
  encodeEncryptionHeader,
  encryptionHeaderBytesMax,
  encryptionPublicKey,
  fileShape,
  sharedFileKey,
} from '@weightless/crypto'
import type { BlobSource } from './blobSource.ts'
import { hashSource } from './hashSource.ts'
import type { OpenedBlob } from './openBlob.ts'

/**
 * How a file is encrypted. The same recipe gives the same root, so an upload that broke off goes on only with its own: keep
 * it, or derive it (`recipeFor`). A nonce must never serve two contents under one key: that would lay both open.
 */
export type EncryptionRecipe =
  /** Version 1: whoever has `key` (32 bytes) reads it. `nonce`: 16 bytes. */
  | { key: Uint8Array; nonce: Uint8Array }
  /** Version 2: only the recipient's secret key opens it. `ephemeralSecretKey`: 32 random bytes, for this file alone. */
  | { recipientPublicKey: Uint8Array; ephemeralSecretKey: Uint8Array; nonce: Uint8Array }

/** The recipe that follows from key and content: after any failure, and on any machine, the same file has the same root. */
export async function recipeFor(source: BlobSource, key: Uint8Array, signal?: AbortSignal): Promise<EncryptionRecipe> {
  const { root, shape } = await hashSource(source, () => undefined, { signal })
  return { key, nonce: contentNonce(key, root, shape.sizeBytes) }
}

/** The encrypted file as a source. @throws {EncryptionKeyInvalidError} {FileSizeInvalidError} */
export function encryptSource(source: BlobSource, recipe: EncryptionRecipe): BlobSource {
  fileShape(source.sizeBytes)
  const isShared = 'key' in recipe
  const key = isShared ? recipe.key : sharedFileKey(recipe.ephemeralSecretKey, recipe.recipientPublicKey)
  const { nonce } = recipe
  const header = encodeEncryptionHeader(nonce, isShared ? undefined : encryptionPublicKey(recipe.ephemeralSecretKey))
  return {
    sizeBytes: header.length + source.sizeBytes,
    async read(offset, length) {
      const head = header.subarray(offset, offset + length)
      const from = Math.max(0, offset - header.length)
      const plainBytes = length - head.length
      if (plainBytes === 0) return head
      const hidden = aesCtr(key, nonce, from, await source.read(from, plainBytes))
      return head.length === 0 ? hidden : concatBytes([head, hidden])
    },
  }
}

export type DecryptKeys = {
  /** 32 bytes; opens version 1. */
  key?: Uint8Array
  /** secp256k1, 32 bytes; opens version 2. */
  secretKey?: Uint8Array
}

/**
 * The content of an encrypted file. The format has no checksum, so a wrong key cannot be told here: it gives wrong bytes,
 * and `checkPlainRoot` finds out. Never falls back to the encrypted bytes.
 * @returns `not-encrypted` for a file without a header, `key-missing` when the key for its version is not among `keys`
 */
export async function decryptBlob(
  blob: OpenedBlob,
  keys: DecryptKeys,
  signal?: AbortSignal,
): Promise<Verdict<OpenedBlob, 'not-encrypted' | 'key-missing'>> {
  const header = decodeEncryptionHeader(await blob.read(0, encryptionHeaderBytesMax, signal))
  if (!header.ok || blob.sizeBytes <= header.value.headerBytes) return reject('not-encrypted')
  const { nonce, headerBytes, version } = header.value
  if (version === 1 ? !keys.key : !keys.secretKey) return reject('key-missing', `version ${version}`)
  const key = version === 1 ? keys.key! : sharedFileKey(keys.secretKey!, header.value.ephemeralPublicKey)
  const sizeBytes = blob.sizeBytes - headerBytes
  return accept({
    root: blob.root,
    sizeBytes,
    async read(offset, length, readSignal) {
      const wanted = Math.min(length, sizeBytes - offset)
      if (offset < 0 || wanted <= 0) return new Uint8Array(0)
      return aesCtr(key, nonce, offset, await blob.read(headerBytes + offset, wanted, readSignal))
    },
    async *stream({ signal: readSignal, offset = 0 } = {}) {
      let at = offset
      const options = { offset: headerBytes + offset, ...(readSignal ? { signal: readSignal } : {}) }
      for await (const piece of blob.stream(options)) {
        yield aesCtr(key, nonce, at, piece)
        at += piece.length
      }
    },
  })
}

/** Reads all of a decrypted file and compares it with the file root that its content had before encryption. */
export async function checkPlainRoot(
  plain: OpenedBlob,
  plainRoot: Uint8Array,
  signal?: AbortSignal,
): Promise<Verdict<void, 'key-wrong'>> {
  const source = { sizeBytes: plain.sizeBytes, read: (at: number, length: number) => plain.read(at, length, signal) }
  const { root } = await hashSource(source, () => undefined, { signal })
  return bytesEqual(root, plainRoot) ? accept(undefined) : reject('key-wrong')
}
