/** What every operation works on, and the form that all of them have. */
import type { HttpHeaders, HttpRequest, HttpResponse, Turns } from '@weightless/env'
import type { Verified } from './auth/verifySignature.ts'
import type { Catalog } from './catalog/catalog.ts'
import type { Uploads } from './catalog/uploads.ts'
import type { ContentStore } from './content/contentStore.ts'
import type { Spool } from './content/spool.ts'
import type { S3Verdict } from './faultCodes.ts'

/** What a completed multipart upload answers, apart from its names. */
export type CompletedObject = { etag: string; headers: HttpHeaders; elements: object }

export type Gateway = {
  catalog: Catalog
  uploads: Uploads
  spool: Spool
  content: ContentStore
  /** Bodies taken at once; others are not read meanwhile. */
  bodies: Turns
  /** Uploads that are being completed now, by id. */
  completing: Map<string, Promise<S3Verdict<CompletedObject>>>
  owner: { ID: string; DisplayName: string }
  region: string
  encryptByDefault: boolean
  nowMs(): number
  newId(): string
  /** Resolves after so long; rejects when the gateway closes. */
  sleep(ms: number): Promise<void>
}

/** A request whose signature holds, with its address taken apart. */
export type S3Request = {
  method: string
  bucket: string | undefined
  key: string | undefined
  query: URLSearchParams
  headers: HttpHeaders
  body: HttpRequest['body']
  signal: AbortSignal
  verified: Verified
  requestId: string
}

export type BucketRequest = S3Request & { bucket: string }
export type ObjectRequest = BucketRequest & { key: string }

export type Operation<Request extends S3Request = S3Request> = (
  gateway: Gateway,
  request: Request,
) => Promise<S3Verdict<HttpResponse>>
