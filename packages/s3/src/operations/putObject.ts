/** PutObject: body to spool, checked, into the network until it is final there, and only then under its name. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import { readExpectations } from '../body/readExpectations.ts'
import { type Received, receiveBody } from '../body/receiveBody.ts'
import type { BucketRecord, ObjectRecord } from '../catalog/records.ts'
import { idOfBody } from '../content/contentId.ts'
import type { SpooledSource, SpoolWriter } from '../content/spool.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { Gateway, ObjectRequest } from '../gateway.ts'
import { checksumHeaders, checkUnsupported, readObjectHeaders, storedHeaders } from './objectHeaders.ts'
import { mayWrite } from './preconditions.ts'

export const putBytesMax = 5 * 2 ** 30

export async function putObject(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog } = gateway
  const { bucket, key, headers } = request
  const bucketRecord = catalog.bucket(bucket)
  if (!bucketRecord) return reject('NoSuchBucket')
  const kept = readObjectHeaders(headers)
  if (!kept.ok) return kept
  if (!mayWrite(headers, catalog.object(bucket, key))) return reject('PreconditionFailed')
  return withBody(gateway, request, gateway.spool.temporary(), async (source, received) => {
    const encrypted = isEncrypted(request, bucketRecord)
    const stored = await gateway.content.put(source, idOfBody(received.sha256), encrypted)
    const record: ObjectRecord = {
      ...kept.value,
      ...stored,
      sizeBytes: received.sizeBytes,
      etag: received.md5,
      modifiedMs: gateway.nowMs(),
      ...(received.checksum && { checksum: received.checksum }),
    }
    const answer = { etag: `"${record.etag}"`, ...storedHeaders(record), ...checksumHeaders(record) }
    return commit(gateway, request, record, answer)
  })
}

export function isEncrypted({ headers }: ObjectRequest, bucket: BucketRecord): boolean {
  return bucket.encrypted || headers['x-amz-server-side-encryption'] !== undefined
}

/** Puts the name on content that is there. */
export async function commit(
  { catalog }: Gateway,
  { bucket, key, headers }: ObjectRequest,
  record: ObjectRecord,
  answer: Record<string, string>,
): Promise<S3Verdict<HttpResponse>> {
  const done = await catalog.putObject(bucket, key, record, (current) => mayWrite(headers, current))
  if (done) return accept({ status: 200, headers: answer })
  return reject(catalog.bucket(bucket) ? 'PreconditionFailed' : 'NoSuchBucket')
}

/** Spools a body and hands it on if it is what was promised; the spool is empty afterwards, whatever happens. */
export async function withBody(
  gateway: Gateway,
  request: ObjectRequest,
  writer: SpoolWriter,
  use: (source: SpooledSource, received: Received) => Promise<S3Verdict<HttpResponse>>,
): Promise<S3Verdict<HttpResponse>> {
  const unsupported = checkUnsupported(request.headers)
  if (unsupported) return unsupported
  const wanted = readExpectations(request.headers, request.verified, putBytesMax)
  if (!wanted.ok) return wanted
  const turn = gateway.bodies.run(async () => {
    try {
      await gateway.spool.reserve(wanted.value.sizeBytes)
      const received = await receiveBody(request.body, wanted.value, request.verified, writer)
      if (!received.ok) return received
      const source = await writer.seal()
      try {
        return await use(source, received.value)
      } finally {
        await source.close()
      }
    } finally {
      await writer.discard()
    }
  })
  return turn ?? reject('SlowDown')
}
