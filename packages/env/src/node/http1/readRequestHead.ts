/**
 * The head of a request that nobody could read in two ways: a plain method and path, one host, a body with a length or none.
 * Everything else is left to node:http, which also words the refusals. RFC 9112
 */
import type { HttpHeaders } from '../../env.ts'
import { bodyLength, MessageMalformedError, readFields } from './readHead.ts'

export type RequestHead = {
  method: string
  /** Path and query as they came. */
  target: string
  headers: HttpHeaders
  bodyBytes: number
}

const requestLine = /^(GET|POST|PUT|PATCH|DELETE) (\/[\x21-\x7e]*) HTTP\/1\.1$/
/** Who sends one of these wants more than an answer. */
const special = ['upgrade', 'expect', 'transfer-encoding', 'trailer', 'set-cookie', 'http2-settings'] as const

/**
 * Undefined where it is not plain.
 * @param text - the bytes before the empty line, one character each
 */
export function readRequestHead(text: string): RequestHead | undefined {
  const lineEnd = text.indexOf('\r\n')
  const line = requestLine.exec(lineEnd < 0 ? text : text.slice(0, lineEnd))
  if (!line || lineEnd < 0) return undefined
  try {
    const headers = readFields(text, lineEnd + 2)
    if (headers.host === undefined || special.some((name) => headers[name] !== undefined)) return undefined
    const { connection } = headers
    if (connection !== undefined && connection.toLowerCase() !== 'keep-alive') return undefined
    const length = bodyLength(headers)
    if (length === 'chunked') return undefined
    return { method: line[1]!, target: line[2]!, headers, bodyBytes: length?.length ?? 0 }
  } catch (fault) {
    if (fault instanceof MessageMalformedError) return undefined
    throw fault
  }
}
