/** Headers of an object: taken when it is put, given back when it is read. */
import { accept, reject } from '@weightless/codec'
import type { HttpHeaders } from '@weightless/env'
import { type Checksum, checksumHeader } from '../body/checksums.ts'
import type { ObjectHeaders, ObjectRecord } from '../catalog/records.ts'
import type { S3Verdict } from '../faultCodes.ts'

const keptNames = ['cache-control', 'content-disposition', 'content-encoding', 'content-language', 'expires'] as const
const metaPrefix = 'x-amz-meta-'
const metaBytesMax = 2048
const keptBytesMax = 4096

export function readObjectHeaders(headers: HttpHeaders): S3Verdict<ObjectHeaders> {
  const meta: Record<string, string> = {}
  let metaBytes = 0
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(metaPrefix)) continue
    meta[name.slice(metaPrefix.length)] = value
    metaBytes += name.length - metaPrefix.length + value.length
  }
  if (metaBytes > metaBytesMax) return reject('MetadataTooLarge')
  const kept: Record<string, string> = {}
  for (const name of keptNames) {
    // The coding of the transfer itself is not the object's.
    const value = name === 'content-encoding' ? withoutTransferCoding(headers[name]) : headers[name]
    if (value !== undefined) kept[name] = value
  }
  const type = headers['content-type']
  const lengths = [type ?? '', ...Object.values(kept)].map(({ length }) => length)
  if (Math.max(...lengths) > keptBytesMax) return reject('InvalidArgument', 'A header is longer than 4096 bytes.')
  return accept({
    ...(type !== undefined && { contentType: type }),
    ...(Object.keys(kept).length > 0 && { kept }),
    ...(Object.keys(meta).length > 0 && { meta }),
  })
}

function withoutTransferCoding(value: string | undefined): string | undefined {
  const codings = (value ?? '').split(',').map((coding) => coding.trim())
  const left = codings.filter((coding) => coding !== '' && coding !== 'aws-chunked')
  return left.length > 0 ? left.join(',') : undefined
}

/** Refuses what would be dropped silently otherwise. */
export function checkUnsupported(headers: HttpHeaders): S3Verdict<never> | undefined {
  for (const [name, value] of Object.entries(headers)) {
    if (name.startsWith('x-amz-server-side-encryption-customer-') || name.startsWith('x-amz-object-lock-')) {
      return reject('NotImplemented', `${name} is not supported.`)
    }
    if (name === 'x-amz-website-redirect-location' || (name === 'x-amz-tagging' && value !== '')) {
      return reject('NotImplemented', `${name} is not supported.`)
    }
    if (name.startsWith('x-amz-grant-') || (name === 'x-amz-acl' && !ownerAcls.includes(value))) {
      return reject('AccessControlListNotSupported')
    }
  }
  const storageClass = headers['x-amz-storage-class']
  if (storageClass !== undefined && storageClass !== 'STANDARD') return reject('InvalidStorageClass')
  const encryption = headers['x-amz-server-side-encryption']
  return encryption === undefined || encryption === 'AES256'
    ? undefined
    : reject('NotImplemented', 'The one server-side encryption is AES256.')
}

const ownerAcls = ['private', 'bucket-owner-full-control', 'bucket-owner-read']

/** What every answer about an object says of it. */
export function objectHeaders(record: ObjectRecord): Record<string, string> {
  const headers: Record<string, string> = {
    etag: `"${record.etag}"`,
    'last-modified': new Date(record.modifiedMs).toUTCString(),
    'content-type': record.contentType ?? 'binary/octet-stream',
    'accept-ranges': 'bytes',
    ...record.kept,
    ...storedHeaders(record),
  }
  for (const [name, value] of Object.entries(record.meta ?? {})) headers[metaPrefix + name] = value
  return headers
}

/** Where the content lies, and how. */
export function storedHeaders({ root, nonce }: Pick<ObjectRecord, 'root' | 'nonce'>): Record<string, string> {
  return {
    ...(root && { 'x-weightless-root': root }),
    ...(nonce !== undefined && { 'x-amz-server-side-encryption': 'AES256' }),
  }
}

export function checksumHeaders({ checksum }: { checksum?: Checksum | undefined }): Record<string, string> {
  if (!checksum) return {}
  return { [checksumHeader(checksum.algorithm)]: checksum.value, 'x-amz-checksum-type': checksum.type }
}
