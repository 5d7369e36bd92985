/**
 * Verifies AWS Signature Version 4 on the server's side: the maintained library that clients sign with computes what the
 * signature must be, and the two are compared in constant time.
 */
import { timingSafeEqual } from 'node:crypto'
import { ALGORITHM_IDENTIFIER, getCanonicalHeaders, getSigningKey, SignatureV4Base } from '@smithy/signature-v4'
import { accept, bytesToText, reject } from '@weightless/codec'
import type { S3Verdict } from '../faultCodes.ts'
import { type Authorization, readAuthorization, type SignedRequest } from './readAuthorization.ts'
import { hmacSha256, Sha256Hmac } from './sha256Hmac.ts'

export type Credential = { accessKeyId: string; secretAccessKey: string }

/** A request whose signature holds. */
export type Verified = {
  authorization: Authorization
  /** Signs the chunks of a streamed body; 32 bytes. */
  signingKey: Uint8Array
}

export async function verifySignature(
  request: SignedRequest,
  credentials: readonly Credential[],
  nowMs: number,
): Promise<S3Verdict<Verified>> {
  const read = readAuthorization(request, nowMs)
  if (!read.ok) return read
  const authorization = read.value
  const credential = credentials.find(({ accessKeyId }) => accessKeyId === authorization.accessKeyId)
  if (!credential) return reject('InvalidAccessKeyId')
  const { shortDate, region, signature } = authorization
  const signingKey = await getSigningKey(Sha256Hmac, credential, shortDate, region, 's3')
  const wanted = hmacSha256(signingKey, await canonicalizer.stringToSign(request, authorization))
  return timingSafeEqual(wanted, Buffer.from(signature, 'hex'))
    ? accept({ authorization, signingKey })
    : reject('SignatureDoesNotMatch')
}

class Canonicalizer extends SignatureV4Base {
  constructor() {
    const credentials = { accessKeyId: '', secretAccessKey: '' }
    super({ service: 's3', region: '', credentials, sha256: Sha256Hmac, uriEscapePath: false, applyChecksum: false })
  }

  stringToSign(
    request: SignedRequest,
    { signedHeaders, payloadHash, longDate, scope }: Authorization,
  ): Promise<string> {
    const headers: Record<string, string> = {}
    for (const name of signedHeaders) headers[name] = wireText(request.headers[name] ?? '')
    const query: Record<string, string | string[]> = {}
    for (const name of new Set(request.query.keys())) query[name] = request.query.getAll(name)
    const canonical = {
      method: request.method,
      protocol: '',
      hostname: '',
      path: canonicalPath(request.path),
      headers,
      query,
    }
    const named = getCanonicalHeaders(canonical, undefined, new Set(signedHeaders))
    return this.createStringToSign(
      longDate,
      scope,
      this.createCanonicalRequest(canonical, named, payloadHash),
      ALGORITHM_IDENTIFIER,
    )
  }
}

const canonicalizer = new Canonicalizer()

/** Every character but the unreserved ones escaped once, whatever the client chose to escape on the wire. */
function canonicalPath(path: string): string {
  return path
    .split('/')
    .map((part) => encodeURIComponent(decodePart(part)).replace(/[!'()*]/g, escapeChar))
    .join('/')
}

const escapeChar = (char: string): string => `%${char.charCodeAt(0).toString(16).toUpperCase()}`

function decodePart(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

/** Header values come as one character for each byte; clients that sign others than ASCII sign the UTF-8 text. */
function wireText(value: string): string {
  return /^[\0-\x7f]*$/.test(value) ? value : bytesToText(Buffer.from(value, 'latin1'))
}
