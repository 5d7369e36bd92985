/** HTTP ranges over content whose ETag never changes: RFC 9110 section 14, one range a request. Spec: storage §8. */
import type { HttpHeaders, HttpRequest, HttpResponse } from '@weightless/env'

export type RangeSource = {
  sizeBytes: number
  /** Strong, without quotes. */
  etag: string
  /** Bytes `[from, to)`. */
  open(from: number, to: number): AsyncIterable<Uint8Array>
}

export type Range = { from: number; to: number }

/** Answers GET or HEAD with 200, 206, 304 or 416. */
export function serveRange(request: HttpRequest, source: RangeSource, headers: HttpHeaders): HttpResponse {
  const { sizeBytes } = source
  const etag = `"${source.etag}"`
  const common = {
    ...headers,
    'accept-ranges': 'bytes',
    etag,
    'cache-control': 'public, max-age=31536000, immutable',
  }
  if (matches(request.headers['if-none-match'], etag)) return { status: 304, headers: common }
  const condition = request.headers['if-range']
  const range = condition === undefined || condition === etag ? parseRange(request.headers.range, sizeBytes) : 'whole'
  if (range === 'unsatisfiable') return { status: 416, headers: { ...common, 'content-range': `bytes */${sizeBytes}` } }
  const { from, to } = range === 'whole' ? { from: 0, to: sizeBytes } : range
  const length = { ...common, 'content-length': String(to - from) }
  const full = range === 'whole' ? length : { ...length, 'content-range': `bytes ${from}-${to - 1}/${sizeBytes}` }
  const status = range === 'whole' ? 200 : 206
  return request.method === 'HEAD' ? { status, headers: full } : { status, headers: full, body: source.open(from, to) }
}

/** What is malformed, or asks for several ranges, is answered whole, as the RFC allows. */
export function parseRange(header: string | undefined, sizeBytes: number): Range | 'whole' | 'unsatisfiable' {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.trim() ?? '')
  if (!match || (match[1] === '' && match[2] === '')) return 'whole'
  if (match[1] === '') {
    const suffix = Number(match[2])
    return suffix === 0 ? 'unsatisfiable' : { from: Math.max(0, sizeBytes - suffix), to: sizeBytes }
  }
  const from = Number(match[1])
  const last = match[2] === '' ? sizeBytes - 1 : Number(match[2])
  if (match[2] !== '' && last < from) return 'whole'
  return from >= sizeBytes ? 'unsatisfiable' : { from, to: Math.min(last + 1, sizeBytes) }
}

function matches(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => [etag, `W/${etag}`, '*'].includes(tag.trim()))
}
