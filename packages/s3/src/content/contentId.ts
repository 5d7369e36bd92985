/**
 * Names for contents, from which encryption takes its nonces: the same content, put in the same way, has the same name, and
 * two contents never share one. A body and a list of parts are told apart, so that no body can be made to look like a list.
 */
import { concatBytes, hexToBytes, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import type { PartRecord } from '../catalog/records.ts'

/** 32 bytes. */
export type ContentId = Uint8Array

/** @param digest - SHA-256 of the body in hexadecimal */
export function idOfBody(digest: string): ContentId {
  return sha256(concatBytes([Uint8Array.of(0), hexToBytes(`0x${digest}`)]))
}

export function idOfParts(parts: readonly Pick<PartRecord, 'sizeBytes' | 'sha256'>[]): ContentId {
  const list = parts.map((part) => `${part.sizeBytes}:${part.sha256}`).join(',')
  return sha256(concatBytes([Uint8Array.of(1), textToBytes(list)]))
}
