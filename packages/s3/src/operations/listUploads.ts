/** ListMultipartUploads: what is under way in a bucket, by key. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { toOrdered } from '../catalog/keyOrder.ts'
import type { UploadRecord } from '../catalog/records.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { BucketRequest, Gateway } from '../gateway.ts'
import { xmlResponse } from '../renderXml.ts'
import { readParameters } from './listObjects.ts'

export async function listUploads(
  gateway: Gateway,
  { bucket, query }: BucketRequest,
): Promise<S3Verdict<HttpResponse>> {
  if (!gateway.catalog.bucket(bucket)) return reject('NoSuchBucket')
  const read = readParameters(query, query.get('max-uploads'))
  if (!read.ok) return read
  const { prefix, delimiter, limit, encode, encoding } = read.value
  const [keyMarker, idMarker] = [query.get('key-marker') ?? '', query.get('upload-id-marker') ?? '']
  const shown: UploadRecord[] = []
  const prefixes = new Set<string>()
  let isTruncated = false
  for (const upload of gateway.uploads.list(bucket)) {
    if (!upload.key.startsWith(prefix) || !isBehind(upload, keyMarker, idMarker)) continue
    const cut = delimiter === '' ? -1 : upload.key.indexOf(delimiter, prefix.length)
    const rolled = cut < 0 ? undefined : upload.key.slice(0, cut + delimiter.length)
    if (rolled !== undefined && (prefixes.has(rolled) || rolled === keyMarker)) continue
    if (shown.length + prefixes.size >= limit) {
      isTruncated = true
      break
    }
    if (rolled === undefined) shown.push(upload)
    else prefixes.add(rolled)
  }
  const last = shown.at(-1)
  const next = [...(last ? [last.key] : []), ...prefixes].sort((a, b) => (toOrdered(a) < toOrdered(b) ? -1 : 1)).at(-1)
  return accept(
    xmlResponse('ListMultipartUploadsResult', {
      Bucket: bucket,
      KeyMarker: encode(keyMarker),
      UploadIdMarker: idMarker,
      ...(isTruncated && next !== undefined && { NextKeyMarker: encode(next) }),
      ...(isTruncated && last?.key === next && { NextUploadIdMarker: last?.uploadId }),
      Prefix: encode(prefix),
      ...(delimiter !== '' && { Delimiter: encode(delimiter) }),
      MaxUploads: limit,
      ...encoding,
      IsTruncated: isTruncated,
      Upload: shown.map(({ key, uploadId, startedMs, algorithm, checksumType }) => ({
        Key: encode(key),
        UploadId: uploadId,
        Initiator: gateway.owner,
        Owner: gateway.owner,
        StorageClass: 'STANDARD',
        Initiated: new Date(startedMs).toISOString(),
        ...(algorithm && { ChecksumAlgorithm: algorithm }),
        ...(checksumType && { ChecksumType: checksumType }),
      })),
      CommonPrefixes: [...prefixes].map((one) => ({ Prefix: encode(one) })),
    }),
  )
}

function isBehind({ key, uploadId }: UploadRecord, keyMarker: string, idMarker: string): boolean {
  if (keyMarker === '') return true
  if (key === keyMarker) return idMarker !== '' && uploadId > idMarker
  return toOrdered(key) > toOrdered(keyMarker)
}
