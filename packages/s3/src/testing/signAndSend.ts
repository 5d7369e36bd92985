/** A client that signs with the library that Amazon's clients use, and can be made to lie after it. */
import { SignatureV4 } from '@smithy/signature-v4'
import { bytesToHex, textToBytes } from '@weightless/codec'
import { sha256 } from '@weightless/crypto'
import { Sha256Hmac } from '../auth/sha256Hmac.ts'
import { type RawAnswer, type RawRequest, sendRaw } from './sendRaw.ts'

export const testCredentials = { accessKeyId: 'weightless', secretAccessKey: 'weightless-secret' }

export type SendOptions = {
  headers?: Record<string, string>
  query?: Record<string, string>
  body?: string | Uint8Array
  /** Default: now. */
  signedMs?: number
  credentials?: typeof testCredentials
  /** Changed after signing. */
  tamper?: (request: { path: string; headers: Record<string, string> }) => void
  presignSeconds?: number
}

/** Signs as Amazon's clients do, with their library, and sends. */
export async function signAndSend(
  url: string,
  method: string,
  path: string,
  options: SendOptions = {},
): Promise<RawAnswer> {
  return sendRaw(Number(new URL(url).port), await signRequest(url, method, path, options))
}

export async function signRequest(
  url: string,
  method: string,
  path: string,
  { headers = {}, query = {}, body = '', signedMs, credentials = testCredentials, tamper, presignSeconds }: SendOptions,
): Promise<RawRequest> {
  const { host, hostname } = new URL(url)
  const bytes = typeof body === 'string' ? textToBytes(body) : body
  const signer = new SignatureV4({
    service: 's3',
    region: 'us-east-1',
    credentials,
    sha256: Sha256Hmac,
    uriEscapePath: false,
    applyChecksum: false,
  })
  const request = {
    method,
    protocol: 'http:',
    hostname,
    path,
    query,
    headers: { host, ...headers } as Record<string, string>,
  }
  if (presignSeconds !== undefined) request.headers['x-amz-content-sha256'] ??= 'UNSIGNED-PAYLOAD'
  else {
    request.headers['x-amz-content-sha256'] ??= bytesToHex(sha256(bytes)).slice(2)
    if (method === 'PUT' || method === 'POST') request.headers['content-length'] ??= String(bytes.length)
  }
  const signingDate = new Date(signedMs ?? Date.now())
  const signed =
    presignSeconds === undefined
      ? await signer.sign(request, { signingDate })
      : await signer.presign(request, { signingDate, expiresIn: presignSeconds })
  const search = new URLSearchParams(signed.query as Record<string, string>).toString().replace(/\+/g, '%20')
  const sent = {
    path: search === '' ? path : `${path}?${search}`,
    headers: { ...signed.headers } as Record<string, string>,
  }
  tamper?.(sent)
  return { method, path: sent.path, headers: Object.entries(sent.headers), body: bytes }
}
