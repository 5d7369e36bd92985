/**
 * What clients ask about a bucket or an object beside its content: answered with the one thing that is so here. Changes of
 * it are refused, and no subresource that is unknown ever falls through to the object itself.
 */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { FaultCode, S3Verdict } from '../faultCodes.ts'
import type { BucketRequest, Gateway } from '../gateway.ts'
import { xmlResponse } from '../renderXml.ts'

type Answer = FaultCode | ((gateway: Gateway) => HttpResponse)

const ofBucket: { readonly [name: string]: Answer } = {
  accelerate: () => xmlResponse('AccelerateConfiguration', {}),
  acl: ownerOnly,
  cors: 'NoSuchCORSConfiguration',
  lifecycle: 'NoSuchLifecycleConfiguration',
  location: ({ region }) => xmlResponse('LocationConstraint', region === 'us-east-1' ? {} : { '#text': region }),
  logging: () => xmlResponse('BucketLoggingStatus', {}),
  notification: () => xmlResponse('NotificationConfiguration', {}),
  'object-lock': 'ObjectLockConfigurationNotFoundError',
  ownershipControls: 'OwnershipControlsNotFoundError',
  policy: 'NoSuchBucketPolicy',
  policyStatus: 'NoSuchBucketPolicy',
  publicAccessBlock: 'NoSuchPublicAccessBlockConfiguration',
  replication: 'ReplicationConfigurationNotFoundError',
  requestPayment: () => xmlResponse('RequestPaymentConfiguration', { Payer: 'BucketOwner' }),
  tagging: 'NoSuchTagSet',
  versioning: () => xmlResponse('VersioningConfiguration', {}),
  website: 'NoSuchWebsiteConfiguration',
}

const ofObject: { readonly [name: string]: Answer } = {
  acl: ownerOnly,
  'legal-hold': 'ObjectLockConfigurationNotFoundError',
  retention: 'ObjectLockConfigurationNotFoundError',
  tagging: () => xmlResponse('Tagging', { TagSet: {} }),
}

/** Names in a query that mean something else than the bucket or object itself. */
const known: ReadonlySet<string> = new Set([
  ...Object.keys(ofBucket),
  ...Object.keys(ofObject),
  'analytics',
  'attributes',
  'encryption',
  'intelligent-tiering',
  'inventory',
  'metadataTable',
  'metadataConfiguration',
  'metrics',
  'renameObject',
  'restore',
  'select',
  'session',
  'torrent',
])

export function findSubresource(query: URLSearchParams): string | undefined {
  for (const name of query.keys()) if (known.has(name)) return name
  return undefined
}

export async function answerSubresource(
  gateway: Gateway,
  request: BucketRequest,
  name: string,
): Promise<S3Verdict<HttpResponse>> {
  const { catalog } = gateway
  if (!catalog.bucket(request.bucket)) return reject('NoSuchBucket')
  if (request.key !== undefined && !catalog.object(request.bucket, request.key)) return reject('NoSuchKey')
  const table = request.key === undefined ? ofBucket : ofObject
  const answer = Object.hasOwn(table, name) ? table[name] : undefined
  if (answer === undefined || request.method !== 'GET')
    return reject('NotImplemented', `${request.method} of ${name} is not supported.`)
  return typeof answer === 'string' ? reject(answer) : accept(answer(gateway))
}

function ownerOnly({ owner }: Gateway): HttpResponse {
  const grantee = { '@xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance', '@xsi:type': 'CanonicalUser', ...owner }
  return xmlResponse('AccessControlPolicy', {
    Owner: owner,
    AccessControlList: { Grant: { Grantee: grantee, Permission: 'FULL_CONTROL' } },
  })
}
