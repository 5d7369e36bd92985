/** Opens encrypted transactions with the node's keys, at any offset; without the right one they stay locked. Spec: kv §1.3. */
import {
  aesCtr,
  decodeEncryptionHeader,
  type EncryptionHeader,
  encryptionHeaderBytesMax,
  sharedFileKey,
} from '@weightless/crypto'
import type { Content, ContentSource } from './content.ts'

export type ContentKeys = {
  /** 32 bytes: opens files of version 1. */
  sharedKey?: Uint8Array
  /** Of secp256k1, 32 bytes: opens files of version 2 that were meant for it. */
  secretKey?: Uint8Array
}

export function createDecryptingSource(source: ContentSource, keys: ContentKeys): ContentSource {
  return {
    async open(root, sizeBytes, signal) {
      const content = await source.open(root, sizeBytes, signal)
      const header = decodeEncryptionHeader(await content.read(0, encryptionHeaderBytesMax, signal))
      return header.ok ? decrypt(content, header.value, keys) : content
    },
    faultOf: (error) => source.faultOf(error),
  }
}

function decrypt(content: Content, header: EncryptionHeader, keys: ContentKeys): Content {
  const key = keyFor(header, keys)
  if (!key) return { ...content, isLocked: true }
  const { headerBytes, nonce } = header
  return {
    sizeBytes: content.sizeBytes - headerBytes,
    isLocked: false,
    async read(offset, length, signal) {
      return aesCtr(key, nonce, offset, await content.read(headerBytes + offset, length, signal))
    },
  }
}

function keyFor(header: EncryptionHeader, { sharedKey, secretKey }: ContentKeys): Uint8Array | undefined {
  if (header.version === 1) return sharedKey
  return secretKey && sharedFileKey(secretKey, header.ephemeralPublicKey)
}
