/** CopyObject: a second name for content that is there. No bytes move, and nothing is paid. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { Checksum } from '../body/checksums.ts'
import type { ObjectRecord } from '../catalog/records.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { Gateway, ObjectRequest } from '../gateway.ts'
import { decodePercent } from '../readAddress.ts'
import { xmlResponse } from '../renderXml.ts'
import { checkUnsupported, readObjectHeaders, storedHeaders } from './objectHeaders.ts'
import { checkRead } from './preconditions.ts'
import { commit } from './putObject.ts'

export async function copyObject(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { bucket, key, headers } = request
  if (!gateway.catalog.bucket(bucket)) return reject('NoSuchBucket')
  const unsupported = checkUnsupported(headers)
  if (unsupported) return unsupported
  const source = findSource(gateway, request)
  if (!source.ok) return source
  const directive = headers['x-amz-metadata-directive'] ?? 'COPY'
  if (directive !== 'COPY' && directive !== 'REPLACE') return reject('InvalidArgument', 'Unknown metadata directive.')
  const isSame = source.value.bucket === bucket && source.value.key === key
  if (isSame && directive === 'COPY') {
    return reject(
      'InvalidRequest',
      'This copy request is illegal because it is trying to copy an object to itself without changing its metadata.',
    )
  }
  const { contentType, kept, meta, ...content } = source.value.record
  const described =
    directive === 'REPLACE'
      ? readObjectHeaders(headers)
      : accept({ ...(contentType !== undefined && { contentType }), ...(kept && { kept }), ...(meta && { meta }) })
  if (!described.ok) return described
  const record: ObjectRecord = { ...content, ...described.value, modifiedMs: gateway.nowMs() }
  const committed = await commit(gateway, request, record, storedHeaders(record))
  if (!committed.ok) return committed
  const result = {
    LastModified: new Date(record.modifiedMs).toISOString(),
    ETag: `"${record.etag}"`,
    ...checksumElements(record),
  }
  return accept(xmlResponse('CopyObjectResult', result, committed.value.headers))
}

export type CopySource = { bucket: string; key: string; record: ObjectRecord }

/** The object that x-amz-copy-source names, if its conditions hold. */
export function findSource({ catalog }: Gateway, { headers }: ObjectRequest): S3Verdict<CopySource> {
  const [path = '', version] = (headers['x-amz-copy-source'] ?? '').split('?versionId=')
  if (version !== undefined && version !== 'null') return reject('NoSuchVersion')
  const [, bucket, key] = /^\/?([^/]+)\/(.+)$/s.exec(decodePercent(path) ?? '') ?? []
  if (bucket === undefined || key === undefined)
    return reject('InvalidArgument', 'Copy Source must mention the source bucket and key.')
  if (!catalog.bucket(bucket)) return reject('NoSuchBucket')
  const record = catalog.object(bucket, key)
  if (!record) return reject('NoSuchKey')
  return checkRead(headers, record, 'x-amz-copy-source-') === 'go'
    ? accept({ bucket, key, record })
    : reject('PreconditionFailed')
}

/** Checksums as elements: `<ChecksumCRC32>…</ChecksumCRC32>`. */
export function checksumElements({ checksum }: { checksum?: Checksum | undefined }): Record<string, string> {
  if (!checksum) return {}
  const { algorithm, value, type } = checksum
  return { [`Checksum${algorithm}`]: value, ChecksumType: type }
}
