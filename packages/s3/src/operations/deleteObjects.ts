/** DeleteObject and DeleteObjects: the name goes and leaves a marker; the content stays, as the network is permanent. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { S3Verdict } from '../faultCodes.ts'
import { faultCodes } from '../faultCodes.ts'
import type { BucketRequest, Gateway, ObjectRequest } from '../gateway.ts'
import { elementsOf, parseXml, textOf } from '../parseXml.ts'
import { checkKey } from '../readAddress.ts'
import { xmlResponse } from '../renderXml.ts'
import { mayWrite } from './preconditions.ts'
import { readDocument } from './readDocument.ts'

const keysMax = 1000
/** A thousand keys of 1024 bytes, each byte of it escaped. */
const bodyBytesMax = 7 * 1024 * 1024

export async function deleteObject(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog } = gateway
  const { bucket, key, headers, query } = request
  if (!catalog.bucket(bucket)) return reject('NoSuchBucket')
  if (!['', 'null', null].includes(query.get('versionId'))) return reject('NoSuchVersion')
  const had = catalog.object(bucket, key) !== undefined
  const done = await catalog.removeObject(bucket, key, gateway.nowMs(), (current) =>
    headers['if-match'] === undefined ? true : mayWrite({ 'if-match': headers['if-match'] }, current),
  )
  if (!done) return reject('PreconditionFailed')
  return accept({ status: 204, headers: had ? { 'x-amz-delete-marker': 'true' } : {} })
}

export async function deleteObjects(gateway: Gateway, request: BucketRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog } = gateway
  const { bucket } = request
  if (!catalog.bucket(bucket)) return reject('NoSuchBucket')
  const body = await readDocument(request, bodyBytesMax)
  if (!body.ok) return body
  const document = parseXml(body.value, 'Delete')
  if (!document.ok) return document
  const objects = elementsOf(document.value, 'Object')
  if (!objects || objects.length === 0 || objects.length > keysMax) return reject('MalformedXML')
  const isQuiet = textOf(document.value, 'Quiet')?.trim() === 'true'
  const results = await Promise.all(
    objects.map(async (object) => {
      const key = textOf(object, 'Key') ?? ''
      const version = textOf(object, 'VersionId')
      const fault = checkKey(key) ?? (version === undefined || version === 'null' ? undefined : reject('NoSuchVersion'))
      if (fault && !fault.ok) return failed(key, fault.code, fault.detail)
      const etag = textOf(object, 'ETag')
      const done = await catalog.removeObject(bucket, key, gateway.nowMs(), (current) =>
        etag === undefined ? true : mayWrite({ 'if-match': etag }, current),
      )
      return done ? { Deleted: { Key: key } } : failed(key, 'PreconditionFailed')
    }),
  )
  return accept(
    xmlResponse('DeleteResult', {
      Deleted: isQuiet ? [] : results.flatMap((result) => ('Deleted' in result ? [result.Deleted] : [])),
      Error: results.flatMap((result) => ('Error' in result ? [result.Error] : [])),
    }),
  )
}

function failed(key: string, code: keyof typeof faultCodes, detail?: string) {
  return { Error: { Key: key, Code: code, Message: detail ?? faultCodes[code][1] } }
}
