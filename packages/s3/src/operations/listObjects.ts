/** ListObjects in both versions, and ListObjectVersions for tools that ask for it: each key has one version, `null`. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { type Listing, listKeys } from '../catalog/listKeys.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { BucketRequest, Gateway } from '../gateway.ts'
import { xmlResponse } from '../renderXml.ts'

const keysMax = 1000
const textMax = 2048

type ListParameters = {
  prefix: string
  delimiter: string
  limit: number
  encode: (text: string) => string
  encoding: object
}

export async function listObjects(gateway: Gateway, request: BucketRequest): Promise<S3Verdict<HttpResponse>> {
  if (!gateway.catalog.bucket(request.bucket)) return reject('NoSuchBucket')
  const read = readParameters(request.query, request.query.get('max-keys'))
  if (!read.ok) return read
  if (request.query.has('versions')) return listVersions(gateway, request, read.value)
  return request.query.get('list-type') === '2'
    ? listV2(gateway, request, read.value)
    : listV1(gateway, request, read.value)
}

function listV1(
  gateway: Gateway,
  { bucket, query }: BucketRequest,
  parameters: ListParameters,
): S3Verdict<HttpResponse> {
  const marker = query.get('marker') ?? ''
  const { encode, delimiter } = parameters
  const listing = listKeys(gateway.catalog, bucket, { ...parameters, after: marker })
  const document = {
    ...describe(bucket, listing, parameters, { Owner: gateway.owner }),
    Marker: encode(marker),
    ...(listing.next !== undefined && delimiter !== '' && { NextMarker: encode(listing.next) }),
  }
  return accept(xmlResponse('ListBucketResult', document))
}

function listV2(
  gateway: Gateway,
  { bucket, query }: BucketRequest,
  parameters: ListParameters,
): S3Verdict<HttpResponse> {
  const token = query.get('continuation-token')
  const startAfter = query.get('start-after') ?? ''
  const from = token === null ? startAfter : readToken(token)
  if (from === undefined) return reject('InvalidArgument', 'The continuation token provided is incorrect')
  const wantsOwner = query.get('fetch-owner') === 'true'
  const listing = listKeys(gateway.catalog, bucket, { ...parameters, after: from })
  const document = {
    ...describe(bucket, listing, parameters, wantsOwner ? { Owner: gateway.owner } : {}),
    KeyCount: listing.objects.length + listing.prefixes.length,
    ...(startAfter !== '' && { StartAfter: parameters.encode(startAfter) }),
    ...(token !== null && { ContinuationToken: token }),
    ...(listing.next !== undefined && { NextContinuationToken: writeToken(listing.next) }),
  }
  return accept(xmlResponse('ListBucketResult', document))
}

function listVersions(
  gateway: Gateway,
  { bucket, query }: BucketRequest,
  parameters: ListParameters,
): S3Verdict<HttpResponse> {
  const marker = query.get('key-marker') ?? ''
  const listing = listKeys(gateway.catalog, bucket, { ...parameters, after: marker })
  const { Contents, ...document } = describe(bucket, listing, parameters, {
    VersionId: 'null',
    IsLatest: true,
    Owner: gateway.owner,
  })
  return accept(
    xmlResponse('ListVersionsResult', {
      ...document,
      KeyMarker: parameters.encode(marker),
      ...(listing.next !== undefined && {
        NextKeyMarker: parameters.encode(listing.next),
        NextVersionIdMarker: 'null',
      }),
      Version: Contents,
    }),
  )
}

function describe(
  bucket: string,
  { objects, prefixes, next }: Listing,
  { prefix, delimiter, limit, encode, encoding }: ListParameters,
  more: object,
) {
  return {
    Name: bucket,
    Prefix: encode(prefix),
    ...(delimiter !== '' && { Delimiter: encode(delimiter) }),
    MaxKeys: limit,
    ...encoding,
    IsTruncated: next !== undefined,
    Contents: objects.map(({ key, record }) => ({
      Key: encode(key),
      LastModified: new Date(record.modifiedMs).toISOString(),
      ETag: `"${record.etag}"`,
      ...(record.checksum && { ChecksumAlgorithm: record.checksum.algorithm, ChecksumType: record.checksum.type }),
      Size: record.sizeBytes,
      StorageClass: 'STANDARD',
      ...more,
    })),
    CommonPrefixes: prefixes.map((one) => ({ Prefix: encode(one) })),
  }
}

/** Shared by all listings: how many, of what, and in which coding names are sent. */
export function readParameters(query: URLSearchParams, max: string | null): S3Verdict<ListParameters> {
  const limit = max === null || max === '' ? keysMax : /^\d{1,10}$/.test(max) ? Math.min(keysMax, Number(max)) : -1
  if (limit < 0) return reject('InvalidArgument', 'The maximum of keys must be a number from 0 to 2147483647.')
  const type = query.get('encoding-type')
  if (type !== null && type !== 'url') return reject('InvalidArgument', 'Invalid Encoding Method specified in Request')
  const texts = ['prefix', 'delimiter', 'marker', 'start-after', 'key-marker'].map((name) => query.get(name) ?? '')
  if (texts.some(({ length }) => length > textMax)) return reject('InvalidArgument', 'A parameter is too long.')
  const [prefix = '', delimiter = ''] = texts
  const encode = type === 'url' ? encodeName : (text: string) => text
  return accept({ prefix, delimiter, limit, encode, encoding: type === 'url' ? { EncodingType: 'url' } : {} })
}

function encodeName(text: string): string {
  return encodeURIComponent(text).replace(/%2F/g, '/')
}

function writeToken(next: string): string {
  return Buffer.from(`1${next}`, 'utf8').toString('base64url')
}

function readToken(token: string): string | undefined {
  const text = token.length > 2 * textMax ? '' : Buffer.from(token, 'base64url').toString('utf8')
  return text.startsWith('1') ? text.slice(1) : undefined
}
