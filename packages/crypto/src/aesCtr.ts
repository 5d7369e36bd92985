/**
 * AES-256 in counter mode at any offset of a stream, through a port: JavaScript by default, so that it works in any
 * browser; an environment with the machine's own installs it once with `setAesCtr`. It hides bytes and authenticates none.
 */
import { ctr } from '@noble/ciphers/aes.js'
import { concatBytes } from '@weightless/codec'

/** The keystream of `key` from counter block `counter` (16 bytes, counted as one big-endian number), laid over `bytes`. */
export type AesCtr = (key: Uint8Array, counter: Uint8Array, bytes: Uint8Array) => Uint8Array

let engine: AesCtr = (key, counter, bytes) => ctr(key, counter).encrypt(bytes)

export function setAesCtr(next: AesCtr): void {
  engine = next
}

const blockBytes = 16

/**
 * Encrypts or decrypts, which is the same, bytes that stand at `offset` of a stream.
 * @param key 32 bytes
 * @param nonce 16 bytes: the counter block of offset 0
 */
export function aesCtr(key: Uint8Array, nonce: Uint8Array, offset: number, bytes: Uint8Array): Uint8Array {
  const skip = offset % blockBytes
  const counter = addToBlock(nonce, (offset - skip) / blockBytes)
  if (skip === 0) return engine(key, counter, bytes)
  return engine(key, counter, concatBytes([new Uint8Array(skip), bytes])).subarray(skip)
}

function addToBlock(nonce: Uint8Array, blocks: number): Uint8Array {
  // A Buffer's `slice` is no copy.
  const sum = Uint8Array.from(nonce)
  let carry = blocks
  for (let i = blockBytes - 1; i >= 0 && carry > 0; i--) {
    carry += sum[i]!
    sum[i] = carry % 256
    carry = Math.floor(carry / 256)
  }
  return sum
}
