/**
 * The file in which an adapter is delivered: `signature 65 | iv 12 | { ciphertext of up to 64 MiB | tag 16 }…`, AES-256-GCM. Writer
 * and reader share its numbers and its counter. Spec: FINETUNING §8.
 */

export const deliveryFormat = {
  signatureBytes: 65,
  ivBytes: 12,
  tagBytes: 16,
  /** Plain bytes of each chunk but the last. */
  chunkBytes: 64 * 1024 * 1024,
} as const

/** The iv of the next chunk, in place: one more, big-endian. */
export function countUp(iv: Uint8Array): void {
  for (let at = iv.length - 1; at >= 0; at--) {
    iv[at] = (iv[at]! + 1) & 0xff
    if (iv[at] !== 0) return
  }
}
