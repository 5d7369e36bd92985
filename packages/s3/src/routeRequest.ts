/** Which operation a request means: by method, by what it names, and by the words in its query. */

import { reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { S3Verdict } from './faultCodes.ts'
import type { BucketRequest, Gateway, ObjectRequest, Operation, S3Request } from './gateway.ts'
import * as buckets from './operations/buckets.ts'
import { completeUpload } from './operations/completeUpload.ts'
import { copyObject } from './operations/copyObject.ts'
import { copyPart } from './operations/copyPart.ts'
import { deleteObject, deleteObjects } from './operations/deleteObjects.ts'
import { getObject } from './operations/getObject.ts'
import { listObjects } from './operations/listObjects.ts'
import { listUploads } from './operations/listUploads.ts'
import { abortUpload, createUpload, listParts, uploadPart } from './operations/multipart.ts'
import { putObject } from './operations/putObject.ts'
import { answerSubresource, findSubresource } from './operations/subresources.ts'

export async function routeRequest(gateway: Gateway, request: S3Request): Promise<S3Verdict<HttpResponse>> {
  if (request.bucket === undefined) {
    return request.method === 'GET' ? buckets.listBuckets(gateway, request) : reject('MethodNotAllowed')
  }
  const named = request as BucketRequest
  const subresource = findSubresource(request.query)
  if (subresource === 'encryption' && request.key === undefined) {
    return choose(encryptionOperations, request.method)(gateway, named)
  }
  if (subresource !== undefined) return answerSubresource(gateway, named, subresource)
  return request.key === undefined
    ? bucketOperation(named)(gateway, named)
    : objectOperation(request as ObjectRequest)(gateway, request as ObjectRequest)
}

const refuse = (): Promise<S3Verdict<HttpResponse>> => Promise.resolve(reject('MethodNotAllowed'))

function choose<Request extends S3Request>(
  table: { readonly [method: string]: Operation<Request> },
  method: string,
): Operation<Request> {
  return (Object.hasOwn(table, method) ? table[method] : undefined) ?? refuse
}

const encryptionOperations = {
  GET: buckets.getBucketEncryption,
  PUT: buckets.putBucketEncryption,
  DELETE: buckets.deleteBucketEncryption,
}

const bucketOperations = {
  GET: listObjects,
  HEAD: buckets.headBucket,
  PUT: buckets.createBucket,
  DELETE: buckets.deleteBucket,
}

function bucketOperation({ method, query }: BucketRequest): Operation<BucketRequest> {
  if (query.has('uploads')) return method === 'GET' ? listUploads : refuse
  if (query.has('delete')) return method === 'POST' ? deleteObjects : refuse
  return choose<BucketRequest>(bucketOperations, method)
}

function objectOperation({ method, query, headers }: ObjectRequest): Operation<ObjectRequest> {
  const isCopy = headers['x-amz-copy-source'] !== undefined
  if (query.has('uploads')) return method === 'POST' ? createUpload : refuse
  if (query.has('uploadId')) {
    return choose<ObjectRequest>(
      { GET: listParts, PUT: isCopy ? copyPart : uploadPart, POST: completeUpload, DELETE: abortUpload },
      method,
    )
  }
  return choose<ObjectRequest>(
    { GET: getObject, HEAD: getObject, PUT: isCopy ? copyObject : putObject, DELETE: deleteObject },
    method,
  )
}
