/**
 * The file in which an adapter is delivered: `signature 65 | iv 12 | { ciphertext ≤ 64 MiB | tag 16 }…`, AES-256-GCM, the iv
 * counted up by one for each chunk, the provider's signature over keccak256 of all tags. Spec: FINETUNING §8; the
 * existing SDK (0.9.0) reads it.
 */
import { concatBytes, type Hex, hexToBytes } from '@weightless/codec'
import { encrypt, PublicKey } from 'eciesjs'
import { bytesToHex, keccak256, type LocalAccount } from 'viem'
import { countUp, deliveryFormat } from '../wire/deliveryFormat.ts'

const { chunkBytes, tagBytes, ivBytes } = deliveryFormat

/** @param key - 32 bytes, used for this file alone @param iv - 12 bytes */
export async function encryptDelivery(
  plain: Uint8Array,
  { key, iv, signer }: { key: Uint8Array; iv: Uint8Array; signer: LocalAccount },
): Promise<Uint8Array> {
  if (!signer.sign) throw new Error('unreachable: a local account signs hashes')
  const aes = await crypto.subtle.importKey('raw', key.slice(), 'AES-GCM', false, ['encrypt'])
  const counter = iv.slice(0, ivBytes)
  const chunks: Uint8Array[] = []
  for (let at = 0; at < plain.length; at += chunkBytes) {
    const chunk = plain.slice(at, at + chunkBytes)
    const sealed = await crypto.subtle.encrypt({ name: 'AES-GCM', iv: counter.slice() }, aes, chunk)
    chunks.push(new Uint8Array(sealed))
    countUp(counter)
  }
  const tags = concatBytes(chunks.map((chunk) => chunk.subarray(chunk.length - tagBytes)))
  const signature = hexToBytes(await signer.sign({ hash: keccak256(tags) }))
  return concatBytes([signature, iv.slice(0, ivBytes), ...chunks])
}

/** The file's key for its user alone: eciesjs' form, which the SDK opens with the wallet's key. */
export function sealKey(key: Uint8Array, publicKey: Hex): Hex {
  return bytesToHex(encrypt(PublicKey.fromHex(publicKey).toBytes(false), key))
}
