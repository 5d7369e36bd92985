/** Buckets: made, listed, looked at, removed when empty; and whether what is put into them is encrypted. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { S3Verdict } from '../faultCodes.ts'
import type { BucketRequest, Gateway, S3Request } from '../gateway.ts'
import { elementsOf, parseXml, textOf, type XmlNode } from '../parseXml.ts'
import { xmlResponse } from '../renderXml.ts'
import { checkUnsupported } from './objectHeaders.ts'
import { readDocument } from './readDocument.ts'

const bucketsMax = 10_000
const documentBytesMax = 64 * 1024

export async function listBuckets(gateway: Gateway, { query }: S3Request): Promise<S3Verdict<HttpResponse>> {
  const prefix = query.get('prefix') ?? ''
  const Bucket = gateway.catalog
    .buckets()
    .filter(({ name }) => name.startsWith(prefix))
    .map(({ name, record }) => ({ Name: name, CreationDate: new Date(record.createdMs).toISOString() }))
  return accept(xmlResponse('ListAllMyBucketsResult', { Owner: gateway.owner, Buckets: { Bucket } }))
}

export async function createBucket(gateway: Gateway, request: BucketRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog } = gateway
  const { bucket, headers } = request
  const unsupported =
    headers['x-amz-bucket-object-lock-enabled'] === 'true' ? reject('NotImplemented') : checkUnsupported(headers)
  if (unsupported) return unsupported
  // A location may be asked for; there is one.
  const body = await readDocument(request, documentBytesMax)
  if (!body.ok) return body
  if (body.value.length > 0) {
    const document = parseXml(body.value, 'CreateBucketConfiguration')
    if (!document.ok) return document
  }
  if (catalog.bucket(bucket)) return reject('BucketAlreadyOwnedByYou')
  if (catalog.buckets().length >= bucketsMax) return reject('TooManyBuckets')
  await catalog.putBucket(bucket, { createdMs: gateway.nowMs(), encrypted: gateway.encryptByDefault })
  return accept({ status: 200, headers: { location: `/${bucket}` } })
}

export async function headBucket(gateway: Gateway, { bucket }: BucketRequest): Promise<S3Verdict<HttpResponse>> {
  if (!gateway.catalog.bucket(bucket)) return reject('NoSuchBucket')
  return accept({ status: 200, headers: { 'x-amz-bucket-region': gateway.region } })
}

/** Uploads under way into it end with it. */
export async function deleteBucket(gateway: Gateway, { bucket }: BucketRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog, uploads, spool } = gateway
  if (!catalog.bucket(bucket)) return reject('NoSuchBucket')
  if (!(await catalog.removeBucket(bucket))) return reject('BucketNotEmpty')
  for (const upload of uploads.list(bucket)) {
    await uploads.end(upload)
    await spool.removeUpload(upload.uploadId)
  }
  return accept({ status: 204 })
}

export async function getBucketEncryption(
  { catalog }: Gateway,
  { bucket }: BucketRequest,
): Promise<S3Verdict<HttpResponse>> {
  const record = catalog.bucket(bucket)
  if (!record) return reject('NoSuchBucket')
  if (!record.encrypted) return reject('ServerSideEncryptionConfigurationNotFoundError')
  const Rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' }, BucketKeyEnabled: false }
  return accept(xmlResponse('ServerSideEncryptionConfiguration', { Rule }))
}

export async function putBucketEncryption(gateway: Gateway, request: BucketRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog } = gateway
  if (!catalog.bucket(request.bucket)) return reject('NoSuchBucket')
  const body = await readDocument(request, documentBytesMax)
  if (!body.ok) return body
  const document = parseXml(body.value, 'ServerSideEncryptionConfiguration')
  if (!document.ok) return document
  const rules = elementsOf(document.value, 'Rule') ?? []
  const algorithm = textOf((rules[0]?.ApplyServerSideEncryptionByDefault ?? {}) as XmlNode, 'SSEAlgorithm')
  if (rules.length !== 1 || algorithm === undefined) return reject('MalformedXML')
  if (algorithm.trim() !== 'AES256') return reject('NotImplemented', 'The one server-side encryption is AES256.')
  return setEncryption(gateway, request.bucket, true, 200)
}

/** From now on objects of this bucket are stored as they are, for everybody who knows their root to read. */
export async function deleteBucketEncryption(
  gateway: Gateway,
  { bucket }: BucketRequest,
): Promise<S3Verdict<HttpResponse>> {
  return setEncryption(gateway, bucket, false, 204)
}

async function setEncryption(
  { catalog }: Gateway,
  bucket: string,
  encrypted: boolean,
  status: number,
): Promise<S3Verdict<HttpResponse>> {
  const record = catalog.bucket(bucket)
  if (!record) return reject('NoSuchBucket')
  await catalog.putBucket(bucket, { ...record, encrypted })
  return accept({ status })
}
