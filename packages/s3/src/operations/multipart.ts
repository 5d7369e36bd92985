/** Multipart uploads: started, fed with parts that are durable when acknowledged, listed, aborted. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { asAlgorithm, type Checksum } from '../body/checksums.ts'
import type { Received } from '../body/receiveBody.ts'
import type { PartRecord, UploadRecord } from '../catalog/records.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { Gateway, ObjectRequest } from '../gateway.ts'
import { xmlResponse } from '../renderXml.ts'
import { checksumHeaders, checkUnsupported, readObjectHeaders } from './objectHeaders.ts'
import { isEncrypted, withBody } from './putObject.ts'

const partsMax = 10_000
const uploadsMax = 10_000

export async function createUpload(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { bucket, key, headers } = request
  const bucketRecord = gateway.catalog.bucket(bucket)
  if (!bucketRecord) return reject('NoSuchBucket')
  const unsupported = checkUnsupported(headers)
  if (unsupported) return unsupported
  const kept = readObjectHeaders(headers)
  if (!kept.ok) return kept
  const checksum = readChecksumWish(headers['x-amz-checksum-algorithm'], headers['x-amz-checksum-type'])
  if (!checksum.ok) return checksum
  if (gateway.uploads.count() >= uploadsMax) return reject('SlowDown', 'Too many multipart uploads are open.')
  const upload: UploadRecord = {
    ...kept.value,
    ...checksum.value,
    uploadId: gateway.newId(),
    bucket,
    key,
    startedMs: gateway.nowMs(),
    encrypted: isEncrypted(request, bucketRecord),
  }
  await gateway.uploads.start(upload)
  const { algorithm, checksumType } = upload
  const shown = {
    ...(algorithm && { 'x-amz-checksum-algorithm': algorithm }),
    ...(checksumType && { 'x-amz-checksum-type': checksumType }),
    ...(upload.encrypted && { 'x-amz-server-side-encryption': 'AES256' }),
  }
  return accept(
    xmlResponse('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: upload.uploadId }, shown),
  )
}

/** CRC-64 has no composite form, SHA no form over the whole that parts could be joined to. */
function readChecksumWish(
  name: string | undefined,
  type: string | undefined,
): S3Verdict<Pick<UploadRecord, 'algorithm' | 'checksumType'>> {
  const algorithm = name === undefined ? undefined : asAlgorithm(name)
  if ((name !== undefined && !algorithm) || (!algorithm && type !== undefined)) {
    return reject('InvalidRequest', 'Checksum algorithm provided is unsupported.')
  }
  if (!algorithm) return accept({})
  const checksumType = type ?? (algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE')
  const isPossible =
    checksumType === 'COMPOSITE'
      ? algorithm !== 'CRC64NVME'
      : checksumType === 'FULL_OBJECT' && algorithm.startsWith('CRC')
  return isPossible
    ? accept({ algorithm, checksumType: checksumType as Checksum['type'] })
    : reject('InvalidRequest', `The ${checksumType} checksum type cannot be used with ${algorithm}.`)
}

/** The upload that a request names, if it is this key's. */
export function findUpload({ uploads }: Gateway, { bucket, key, query }: ObjectRequest): S3Verdict<UploadRecord> {
  const upload = uploads.find(query.get('uploadId') ?? '')
  return upload?.bucket === bucket && upload.key === key ? accept(upload) : reject('NoSuchUpload')
}

export async function uploadPart(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const target = findPartTarget(gateway, request)
  if (!target.ok) return target
  const { upload, number } = target.value
  const writer = gateway.spool.durable(upload.uploadId)
  return withBody(gateway, request, writer, async (_source, received) => {
    const kept = await keepPart(gateway, upload, number, writer.file, received)
    if (!kept.ok) return kept
    writer.keep()
    return accept({ status: 200, headers: { etag: `"${received.md5}"`, ...checksumHeaders(received) } })
  })
}

export function findPartTarget(
  gateway: Gateway,
  request: ObjectRequest,
): S3Verdict<{ upload: UploadRecord; number: number }> {
  const text = request.query.get('partNumber') ?? ''
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0
  if (number < 1 || number > partsMax) {
    return reject('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
  }
  const upload = findUpload(gateway, request)
  return upload.ok ? accept({ upload: upload.value, number }) : upload
}

/** Makes a durable file a part, unless the upload has ended meanwhile. The part that it replaces goes. */
export async function keepPart(
  gateway: Gateway,
  upload: UploadRecord,
  number: number,
  file: string,
  { sizeBytes, md5, sha256, checksum }: Received,
): Promise<S3Verdict<PartRecord>> {
  const { uploads, spool, completing } = gateway
  if (!uploads.find(upload.uploadId)) return reject('NoSuchUpload')
  if (completing.has(upload.uploadId)) return reject('OperationAborted')
  const part = { number, sizeBytes, md5, sha256, ...(checksum && { checksum }), modifiedMs: gateway.nowMs(), file }
  const before = await uploads.putPart(upload.uploadId, part)
  if (before) await spool.remove(before.file)
  return accept(part)
}

export async function abortUpload(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const upload = findUpload(gateway, request)
  if (!upload.ok) return upload
  if (gateway.completing.has(upload.value.uploadId)) return reject('OperationAborted')
  await gateway.uploads.end(upload.value)
  await gateway.spool.removeUpload(upload.value.uploadId)
  return accept({ status: 204 })
}

export async function listParts(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { bucket, key, query } = request
  const upload = findUpload(gateway, request)
  if (!upload.ok) return upload
  const [max, marker] = [query.get('max-parts') || '1000', query.get('part-number-marker') || '0']
  if (!/^\d{1,9}$/.test(max) || !/^\d{1,9}$/.test(marker)) return reject('InvalidArgument')
  const limit = Math.min(1000, Number(max))
  const rest = gateway.uploads.parts(upload.value.uploadId).filter(({ number }) => number > Number(marker))
  const shown = rest.slice(0, limit)
  return accept(
    xmlResponse('ListPartsResult', {
      Bucket: bucket,
      Key: key,
      UploadId: upload.value.uploadId,
      PartNumberMarker: marker,
      ...(rest.length > limit && { NextPartNumberMarker: shown.at(-1)?.number ?? marker }),
      MaxParts: limit,
      IsTruncated: rest.length > limit,
      ...(upload.value.algorithm && { ChecksumAlgorithm: upload.value.algorithm }),
      ...(upload.value.checksumType && { ChecksumType: upload.value.checksumType }),
      Part: shown.map(({ number, modifiedMs, md5, sizeBytes, checksum }) => ({
        PartNumber: number,
        LastModified: new Date(modifiedMs).toISOString(),
        ETag: `"${md5}"`,
        Size: sizeBytes,
        ...(checksum && { [`Checksum${checksum.algorithm}`]: checksum.value }),
      })),
      Initiator: gateway.owner,
      Owner: gateway.owner,
      StorageClass: 'STANDARD',
    }),
  )
}
