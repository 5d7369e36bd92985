/** What the catalogue remembers of buckets, objects and uploads; kept as JSON. */
import { bytesToText, type Hex, textToBytes } from '@weightless/codec'
import type { Checksum, ChecksumAlgorithm } from '../body/checksums.ts'

export type BucketRecord = {
  createdMs: number
  /** Whether objects put from now on are encrypted. */
  encrypted: boolean
}

/** Headers that are kept with an object and given back as they came. */
export type ObjectHeaders = {
  contentType?: string
  /** Lower-case names: cache-control, content-disposition, content-encoding, content-language, expires. */
  kept?: { readonly [name: string]: string }
  /** Without `x-amz-meta-`. */
  meta?: { readonly [name: string]: string }
}

export type ObjectRecord = ObjectHeaders & {
  /** Of what is stored, encrypted or not; absent for objects of no bytes, which the network cannot hold. */
  root?: Hex
  /** Of the content that clients see. */
  sizeBytes: number
  /** Without quotes. */
  etag: string
  modifiedMs: number
  /** Base64, 16 bytes; there where what is stored is encrypted. */
  nonce?: string
  checksum?: Checksum
  /** Sizes of a multipart object's parts in order, equal neighbours counted together: `[bytes, count]`. */
  parts?: readonly (readonly [number, number])[]
}

/** A key whose name was taken away: the content stays where it is, permanent as the network is. */
export type DeleteMarker = { root?: Hex; deletedMs: number }

export type UploadRecord = ObjectHeaders & {
  uploadId: string
  bucket: string
  key: string
  startedMs: number
  encrypted: boolean
  algorithm?: ChecksumAlgorithm
  checksumType?: Checksum['type']
}

export type PartRecord = {
  number: number
  sizeBytes: number
  /** Hexadecimal; the part's ETag. */
  md5: string
  sha256: string
  checksum?: Checksum
  modifiedMs: number
  /** Name of its file in the spool. */
  file: string
}

export function encodeRecord(record: object): Uint8Array {
  return textToBytes(JSON.stringify(record))
}

/** Records are this gateway's own and under the store's checksums, so their shape is trusted. */
export function decodeRecord<Kind>(bytes: Uint8Array): Kind {
  return JSON.parse(bytesToText(bytes)) as Kind
}
