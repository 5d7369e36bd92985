/** Conditional requests: RFC 9110 section 13 as S3 has them, for reads, writes and copies. */
import type { HttpHeaders } from '@weightless/env'
import type { ObjectRecord } from '../catalog/records.ts'

export type Outcome = 'go' | 'unchanged' | 'failed'

/** @param prefix - `x-amz-copy-source-` where the conditions are about the source of a copy */
export function checkRead(headers: HttpHeaders, { etag, modifiedMs }: ObjectRecord, prefix = ''): Outcome {
  const seconds = Math.floor(modifiedMs / 1000)
  const ifMatch = headers[`${prefix}if-match`]
  const ifUnmodified = readSeconds(headers[`${prefix}if-unmodified-since`])
  if (ifMatch !== undefined ? !matches(ifMatch, etag) : ifUnmodified !== undefined && seconds > ifUnmodified)
    return 'failed'
  const ifNoneMatch = headers[`${prefix}if-none-match`]
  const ifModified = readSeconds(headers[`${prefix}if-modified-since`])
  const unchanged =
    ifNoneMatch !== undefined ? matches(ifNoneMatch, etag) : ifModified !== undefined && seconds <= ifModified
  return unchanged ? 'unchanged' : 'go'
}

/** Whether a write may replace what is there. */
export function mayWrite(headers: HttpHeaders, current: ObjectRecord | undefined): boolean {
  const ifMatch = headers['if-match']
  const ifNoneMatch = headers['if-none-match']
  if (ifMatch !== undefined && !(current && matches(ifMatch, current.etag))) return false
  return !(ifNoneMatch !== undefined && current && matches(ifNoneMatch, current.etag))
}

function matches(header: string, etag: string): boolean {
  return header.split(',').some((tag) => ['*', etag, `"${etag}"`, `W/"${etag}"`].includes(tag.trim()))
}

function readSeconds(header: string | undefined): number | undefined {
  const ms = header === undefined ? Number.NaN : Date.parse(header)
  return Number.isNaN(ms) ? undefined : ms / 1000
}
