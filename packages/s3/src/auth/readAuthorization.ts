/** Reads who signed a request, when, and over what: from the Authorization header, or from a presigned URL. */
import { accept, reject } from '@weightless/codec'
import type { HttpHeaders } from '@weightless/env'
import type { S3Verdict } from '../faultCodes.ts'

export type Authorization = {
  accessKeyId: string
  /** `20130524/us-east-1/s3/aws4_request` */
  scope: string
  shortDate: string
  region: string
  /** `20130524T000000Z` */
  longDate: string
  /** Lower case, in the order given. */
  signedHeaders: readonly string[]
  /** 64 hexadecimal digits. */
  signature: string
  /** What the signature says of the body: a SHA-256, or one of the words of `payloadWords`. */
  payloadHash: string
}

/** Values of x-amz-content-sha256 that are no hash. */
export const payloadWords = {
  unsigned: 'UNSIGNED-PAYLOAD',
  unsignedTrailer: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
  signedChunks: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD',
  signedChunksTrailer: 'STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER',
} as const

export type SignedRequest = {
  method: string
  path: string
  query: URLSearchParams
  headers: HttpHeaders
}

const algorithm = 'AWS4-HMAC-SHA256'
const skewMsMax = 15 * 60_000
const expiresSecondsMax = 7 * 86_400

/** @param nowMs - the gateway's clock; requests more than 15 minutes off are refused, presigned ones after their time */
export function readAuthorization(request: SignedRequest, nowMs: number): S3Verdict<Authorization> {
  const { headers, query } = request
  if (headers['x-amz-security-token'] !== undefined || query.has('X-Amz-Security-Token')) return reject('InvalidToken')
  const found = headers.authorization === undefined ? readQuery(request, nowMs) : readHeader(request, nowMs)
  if (!found.ok) return found
  const { signedHeaders } = found.value
  if (!signedHeaders.includes('host')) return reject('AccessDenied', 'The host header must be signed.')
  const loose = Object.keys(headers).find((name) => mustBeSigned(name) && !signedHeaders.includes(name))
  if (loose !== undefined) {
    return reject('AccessDenied', `There were headers present in the request which were not signed: ${loose}`)
  }
  return found
}

/** What no signature covers may not steer the operation; these two are about the transport alone. */
function mustBeSigned(name: string): boolean {
  return name.startsWith('x-amz-') && name !== 'x-amz-content-sha256' && name !== 'x-amz-user-agent'
}

function readHeader({ headers, query }: SignedRequest, nowMs: number): S3Verdict<Authorization> {
  if (query.has('X-Amz-Signature')) return reject('InvalidArgument', 'Only one auth mechanism allowed.')
  const [word = '', rest = ''] = splitOnce(headers.authorization!.trim(), ' ')
  if (word !== algorithm) return reject('InvalidRequest', `The authorization mechanism must be ${algorithm}.`)
  const fields = new Map(rest.split(',').map((field) => splitOnce(field.trim(), '=')))
  const payloadHash = headers['x-amz-content-sha256']
  if (payloadHash === undefined) return reject('MissingSecurityHeader', 'x-amz-content-sha256 is needed.')
  const parsed = parseFields(
    {
      credential: fields.get('Credential'),
      signedHeaders: fields.get('SignedHeaders'),
      signature: fields.get('Signature'),
      longDate: headers['x-amz-date'] ?? dateOf(headers.date),
      payloadHash,
    },
    'AuthorizationHeaderMalformed',
  )
  if (!parsed.ok) return parsed
  if (Math.abs(readLongDate(parsed.value.longDate) - nowMs) > skewMsMax) return reject('RequestTimeTooSkewed')
  const timeHeader = headers['x-amz-date'] === undefined ? 'date' : 'x-amz-date'
  return parsed.value.signedHeaders.includes(timeHeader)
    ? parsed
    : reject('AccessDenied', `The header ${timeHeader} must be signed.`)
}

function readQuery({ query }: SignedRequest, nowMs: number): S3Verdict<Authorization> {
  if (!query.has('X-Amz-Algorithm') && !query.has('X-Amz-Signature')) {
    return query.has('Signature') || query.has('AWSAccessKeyId')
      ? reject('InvalidRequest', `The authorization mechanism must be ${algorithm}.`)
      : reject('AccessDenied', 'Anonymous access is not allowed.')
  }
  const code = 'AuthorizationQueryParametersError'
  if ([...query.keys()].some((name) => name.startsWith('X-Amz-') && query.getAll(name).length > 1)) {
    return reject(code, 'A parameter is given twice.')
  }
  if (query.get('X-Amz-Algorithm') !== algorithm) return reject(code, `X-Amz-Algorithm only supports ${algorithm}.`)
  const expires = query.get('X-Amz-Expires') ?? ''
  const expiresSeconds = /^\d{1,6}$/.test(expires) ? Number(expires) : 0
  if (expiresSeconds < 1 || expiresSeconds > expiresSecondsMax) {
    return reject(code, `X-Amz-Expires must be from 1 to ${expiresSecondsMax}.`)
  }
  const parsed = parseFields(
    {
      credential: query.get('X-Amz-Credential') ?? undefined,
      signedHeaders: query.get('X-Amz-SignedHeaders') ?? undefined,
      signature: query.get('X-Amz-Signature') ?? undefined,
      longDate: query.get('X-Amz-Date') ?? undefined,
      payloadHash: query.get('X-Amz-Content-Sha256') ?? payloadWords.unsigned,
    },
    code,
  )
  if (!parsed.ok) return parsed
  const signedMs = readLongDate(parsed.value.longDate)
  if (signedMs > nowMs + skewMsMax) return reject('AccessDenied', 'Request is not yet valid')
  return nowMs > signedMs + expiresSeconds * 1000 ? reject('AccessDenied', 'Request has expired') : parsed
}

type Fields = { [name in 'credential' | 'signedHeaders' | 'signature' | 'longDate']: string | undefined } & {
  payloadHash: string
}

function parseFields(
  fields: Fields,
  code: 'AuthorizationHeaderMalformed' | 'AuthorizationQueryParametersError',
): S3Verdict<Authorization> {
  const { credential = '', signedHeaders = '', signature = '', longDate = '', payloadHash } = fields
  // The access key id may itself hold slashes, the scope not.
  const parts = /^(.{1,128})\/(\d{8})\/([a-zA-Z0-9-]{1,64})\/s3\/aws4_request$/.exec(credential)
  if (!parts) return reject(code, 'The credential must be <access key>/<date>/<region>/s3/aws4_request.')
  const [, accessKeyId, shortDate, region] = parts as unknown as [string, string, string, string]
  if (!/^[0-9a-f]{64}$/.test(signature)) return reject(code, 'The signature must be 64 hexadecimal digits.')
  if (Number.isNaN(readLongDate(longDate))) return reject(code, 'The date must be in the form 20130524T000000Z.')
  if (!longDate.startsWith(shortDate)) return reject(code, 'The date of the credential is not that of the request.')
  if (!/^[a-z0-9;!#$%&'*+.^_`|~-]{1,4096}$/.test(signedHeaders))
    return reject(code, 'The signed headers are malformed.')
  const isWord = Object.values<string>(payloadWords).includes(payloadHash)
  if (payloadHash.startsWith('STREAMING-') && !isWord)
    return reject('NotImplemented', `${payloadHash} is not supported.`)
  if (!isWord && !/^[0-9a-f]{64}$/i.test(payloadHash)) {
    return reject('InvalidArgument', 'x-amz-content-sha256 must be UNSIGNED-PAYLOAD, a STREAMING word or a SHA-256.')
  }
  const scope = `${shortDate}/${region}/s3/aws4_request`
  const names = [...new Set(signedHeaders.split(';'))]
  return accept({ accessKeyId, scope, shortDate, region, longDate, signedHeaders: names, signature, payloadHash })
}

function readLongDate(text: string): number {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text)
  return parts ? Date.parse(`${parts.slice(1, 4).join('-')}T${parts.slice(4).join(':')}Z`) : Number.NaN
}

/** The long form of an HTTP date; undefined when it is none. */
function dateOf(header: string | undefined): string | undefined {
  const ms = header === undefined ? Number.NaN : Date.parse(header)
  return Number.isNaN(ms) ? undefined : new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '')
}

function splitOnce(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator)
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)]
}
