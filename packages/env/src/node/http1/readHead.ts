/** The head of an HTTP/1.1 message, read strictly: whatever two readers could understand in two ways is refused. RFC 9112 */
import type { HttpHeaders } from '../../env.ts'

/** Bytes of a head, or of a body's trailers, at most: as node:http has it. */
export const headBytesMax = 16 * 1024

/** What came is no HTTP/1.1 message as it is understood here. */
export class MessageMalformedError extends Error {}

/** Where the body of a message ends. */
export type Framing = 'none' | 'chunked' | 'close' | { length: number }

/** Of a response. */
export type AnswerHead = {
  status: number
  headers: HttpHeaders
  framing: Framing
  /** The connection may carry another request afterwards. */
  keepsAlive: boolean
}

/** Characters that stand nowhere in a head, and ends of lines that are none. */
const unsound = /[^\t\r\n\x20-\x7e\x80-\xff]|\r(?!\n)|(?:^|[^\r])\n/
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const statusLine = /^HTTP\/1\.([01]) ([1-9][0-9]{2})(?: |$)/

/**
 * @param text - the bytes before the empty line, one character each
 * @param method - of the request that it answers
 * @throws {MessageMalformedError}
 */
export function readAnswerHead(text: string, method: string): AnswerHead {
  const lineEnd = endOfLine(text, 0)
  const started = statusLine.exec(text.slice(0, lineEnd))
  if (!started) throw new MessageMalformedError('it does not begin with a status line')
  const status = Number(started[2])
  const headers = readFields(text, lineEnd + 2)
  const framing = framingOf(headers, status, method)
  const said = headers.connection?.toLowerCase()
  const keepsAlive = framing !== 'close' && (started[1] === '1' ? said !== 'close' : said === 'keep-alive')
  return { status, headers, framing, keepsAlive }
}

/** @throws {MessageMalformedError} */
export function readFields(text: string, from: number): HttpHeaders {
  if (unsound.test(text)) throw new MessageMalformedError('its head holds characters that belong into none')
  const headers: Record<string, string> = {}
  for (let at = from; at < text.length; ) {
    const end = endOfLine(text, at)
    const colon = text.indexOf(':', at)
    if (colon < 0 || colon > end) throw new MessageMalformedError('a line of its head has no colon')
    addField(headers, fieldName(text.slice(at, colon)), fieldValue(text, colon + 1, end))
    at = end + 2
  }
  return headers
}

/** Without the blanks around it; `trim` takes away more, which may be halves of characters. */
function fieldValue(text: string, from: number, to: number): string {
  while (from < to && isBlank(text.charCodeAt(from))) from++
  while (to > from && isBlank(text.charCodeAt(to - 1))) to--
  return text.slice(from, to)
}

const isBlank = (code: number): boolean => code === 0x20 || code === 0x09

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\r\n', from)
  return end < 0 ? text.length : end
}

/** The same few names come again and again. */
const knownNames = new Map<string, string>()
const knownNamesMax = 512

/** In lower case. @throws {MessageMalformedError} */
export function fieldName(text: string): string {
  const known = knownNames.get(text)
  if (known !== undefined) return known
  // A name that begins with white space would go on with the line before.
  if (!token.test(text)) throw new MessageMalformedError('a header has no name')
  const name = text.toLowerCase()
  if (knownNames.size >= knownNamesMax) knownNames.clear()
  knownNames.set(text, name)
  return name
}

/** Of them the first counts, as in node:http. */
const singular = new Set([
  ...['age', 'authorization', 'content-type', 'etag', 'expires', 'from', 'host', 'if-modified-since'],
  ...['if-unmodified-since', 'last-modified', 'location', 'max-forwards', 'proxy-authorization', 'referer'],
  ...['retry-after', 'server', 'user-agent'],
])
/** A second one says where another body ends. */
const decisive = new Set(['content-length', 'transfer-encoding', 'host'])

function addField(headers: Record<string, string>, name: string, value: string): void {
  const before = headers[name]
  if (before === undefined) headers[name] = value
  else if (!Object.hasOwn(headers, name)) return
  else if (decisive.has(name)) throw new MessageMalformedError(`it has ${name} twice`)
  else if (!singular.has(name)) headers[name] = `${before}${name === 'cookie' ? '; ' : ', '}${value}`
}

function framingOf(headers: HttpHeaders, status: number, method: string): Framing {
  const length = bodyLength(headers)
  if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return 'none'
  return length ?? 'close'
}

/** Undefined where neither a length nor chunks are announced. @throws {MessageMalformedError} */
export function bodyLength(headers: HttpHeaders): 'chunked' | { length: number } | undefined {
  const { 'content-length': length, 'transfer-encoding': coding } = headers
  if (coding !== undefined) {
    if (length !== undefined) throw new MessageMalformedError('it has both a length and a transfer coding')
    if (coding.toLowerCase() !== 'chunked') throw new MessageMalformedError('its transfer coding is not known here')
    return 'chunked'
  }
  if (length === undefined) return undefined
  if (!/^[0-9]{1,15}$/.test(length)) throw new MessageMalformedError('its length is no number')
  return { length: Number(length) }
}
