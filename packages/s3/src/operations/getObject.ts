/** GetObject and HeadObject: whole, a range, or one part; with conditions, and headers that the client overrides. */
import { accept, reject } from '@weightless/codec'
import type { HttpResponse } from '@weightless/env'
import type { ObjectRecord } from '../catalog/records.ts'
import type { S3Verdict } from '../faultCodes.ts'
import type { Gateway, ObjectRequest } from '../gateway.ts'
import { faultResponse } from './faultResponse.ts'
import { checksumHeaders, objectHeaders } from './objectHeaders.ts'
import { checkRead } from './preconditions.ts'
import { partCount, type Range, rangeOfPart, readRange } from './readRange.ts'

export async function getObject(gateway: Gateway, request: ObjectRequest): Promise<S3Verdict<HttpResponse>> {
  const { catalog, content } = gateway
  const { bucket, key, headers, method, query } = request
  if (!catalog.bucket(bucket)) return reject('NoSuchBucket')
  if (!['', 'null', null].includes(query.get('versionId'))) return reject('NoSuchVersion')
  const record = catalog.object(bucket, key)
  if (!record) return missing(gateway, request)
  const shown = objectHeaders(record)
  const outcome = checkRead(headers, record)
  if (outcome === 'failed') return reject('PreconditionFailed')
  if (outcome === 'unchanged') return accept({ status: 304, headers: shown })
  const range = chooseRange(request, record)
  if (!range.ok) return range
  if (range.value === 'unsatisfiable') {
    return accept(faultResponse('InvalidRange', undefined, request, { 'content-range': `bytes */${record.sizeBytes}` }))
  }
  const overrides = readOverrides(query)
  if (!overrides.ok) return overrides
  const { from, to } = range.value === 'whole' ? { from: 0, to: record.sizeBytes } : range.value
  const answer = { ...shown, ...overrides.value, 'content-length': String(to - from) }
  if (range.value !== 'whole') Object.assign(answer, { 'content-range': `bytes ${from}-${to - 1}/${record.sizeBytes}` })
  if (query.has('partNumber') && record.parts)
    Object.assign(answer, { 'x-amz-mp-parts-count': String(partCount(record.parts)) })
  const isWhole = from === 0 && to === record.sizeBytes
  if (isWhole && headers['x-amz-checksum-mode']?.toUpperCase() === 'ENABLED')
    Object.assign(answer, checksumHeaders(record))
  const status = range.value === 'whole' ? 200 : 206
  if (method === 'HEAD' || from === to) return accept({ status, headers: answer })
  return accept({ status, headers: answer, body: content.stream(record, from, to, request.signal) })
}

function chooseRange(
  { headers, query }: ObjectRequest,
  record: ObjectRecord,
): S3Verdict<Range | 'whole' | 'unsatisfiable'> {
  const part = query.get('partNumber')
  if (part === null) {
    const condition = headers['if-range']
    const isCurrent = condition === undefined || condition === `"${record.etag}"`
    return accept(isCurrent ? readRange(headers.range, record.sizeBytes) : 'whole')
  }
  if (headers.range !== undefined) return reject('InvalidRequest', 'Range and partNumber exclude each other.')
  if (!/^\d{1,5}$/.test(part) || Number(part) < 1 || Number(part) > 10_000) {
    return reject('InvalidArgument', 'Part number must be an integer between 1 and 10000, inclusive')
  }
  if (record.sizeBytes === 0 && Number(part) === 1) return accept('whole')
  return accept(rangeOfPart(record, Number(part)) ?? 'unsatisfiable')
}

/** A name that was taken away says so, and where the content still lies. */
function missing({ catalog }: Gateway, request: ObjectRequest): S3Verdict<HttpResponse> {
  const marker = catalog.marker(request.bucket, request.key)
  if (!marker) return reject('NoSuchKey')
  const root = marker.root ? { 'x-weightless-root': marker.root } : {}
  return accept(faultResponse('NoSuchKey', undefined, request, { 'x-amz-delete-marker': 'true', ...root }))
}

const overridable: { readonly [parameter: string]: string } = {
  'response-cache-control': 'cache-control',
  'response-content-disposition': 'content-disposition',
  'response-content-encoding': 'content-encoding',
  'response-content-language': 'content-language',
  'response-content-type': 'content-type',
  'response-expires': 'expires',
}

function readOverrides(query: URLSearchParams): S3Verdict<Record<string, string>> {
  const headers: Record<string, string> = {}
  for (const [parameter, name] of Object.entries(overridable)) {
    const value = query.get(parameter)
    if (value === null) continue
    const wire = Buffer.from(value, 'utf8').toString('latin1')
    if (!/^[\t\x20-\x7e\x80-\xff]{0,4096}$/.test(wire))
      return reject('InvalidArgument', `${parameter} is no header value.`)
    headers[name] = wire
  }
  return accept(headers)
}
