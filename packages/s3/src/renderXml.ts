/** XML that the gateway sends: documents from plain objects, and the error document. */
import type { HttpHeaders, HttpResponse } from '@weightless/env'
import { XMLBuilder } from 'fast-xml-parser'
import { type FaultCode, faultCodes } from './faultCodes.ts'

const builder = new XMLBuilder({ ignoreAttributes: false, attributeNamePrefix: '@', processEntities: true })
const declaration = { '@version': '1.0', '@encoding': 'UTF-8' }
const namespace = 'http://s3.amazonaws.com/doc/2006-03-01/'

/** A document `<name xmlns=…>…</name>`. Undefined values are left out, arrays repeat their element. */
export function renderXml(name: string, content: object): string {
  return build({ '?xml': declaration, [name]: { '@xmlns': namespace, ...content } })
}

/** The same as an answer with status 200. */
export function xmlResponse(name: string, content: object, headers: HttpHeaders = {}): HttpResponse {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body: renderXml(name, content) }
}

export type FaultPlace = { requestId: string; resource: string; isHead: boolean }

/** An error answer; without a body to HEAD, as the protocol says. */
export function renderFault(
  code: FaultCode,
  detail: string | undefined,
  { requestId, resource, isHead }: FaultPlace,
  headers: HttpHeaders = {},
): HttpResponse {
  const [status] = faultCodes[code]
  if (isHead) return { status, headers }
  return {
    status,
    headers: { 'content-type': 'application/xml', ...headers },
    body: faultXml(code, detail, { requestId, resource }),
  }
}

export function faultXml(
  code: FaultCode,
  detail: string | undefined,
  { requestId, resource }: Omit<FaultPlace, 'isHead'>,
): string {
  const Message = detail ?? faultCodes[code][1]
  return build({ '?xml': declaration, Error: { Code: code, Message, Resource: resource, RequestId: requestId } })
}

/** What XML 1.0 cannot hold as it is, or would be read back otherwise, goes as a character reference, as S3 does. */
function build(document: object): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters meant
  return builder.build(document).replace(/[\0-\x08\x0b\x0c\x0e-\x1f\r]/g, (char) => `&#${char.charCodeAt(0)};`)
}
