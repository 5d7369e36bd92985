/** Puts a request on a connection: head and small bodies in one write, large bodies as they are. */
import type { Socket } from 'node:net'
import type { FetchOptions } from '../../env.ts'
import { fieldName, MessageMalformedError } from './readHead.ts'

/** Up to here a copy costs less than another part of a write. */
const joinedBytesMax = 64 * 1024
/** Anything else in a value could end the line. */
const unsendable = /[^\t\x20-\x7e\x80-\xff]/

export type RequestTarget = { host: string; path: string }

/** @throws {MessageMalformedError} a header that cannot be sent */
export function writeRequest(
  socket: Socket,
  { host, path }: RequestTarget,
  { method = 'GET', headers = {}, body }: FetchOptions,
): void {
  const parts = partsOf(body)
  const length = parts.reduce((sum, part) => sum + part.length, 0)
  let head = `${method} ${path} HTTP/1.1\r\n`
  if (headers.host === undefined) head += `host: ${host}\r\n`
  for (const name in headers) {
    const value = headers[name]
    if (value !== undefined && name !== 'content-length') head += fieldLine(name, value)
  }
  if (body !== undefined || (method !== 'GET' && method !== 'HEAD')) head += `content-length: ${length}\r\n`
  head += headers.connection === undefined ? 'connection: keep-alive\r\n\r\n' : '\r\n'
  if (length <= joinedBytesMax) return void socket.write(join(head, parts, length))
  socket.cork()
  socket.write(head, 'latin1')
  for (const part of parts) socket.write(part)
  socket.uncork()
}

export function fieldLine(name: string, value: string): string {
  const known = fieldName(name)
  if (known === 'transfer-encoding') throw new MessageMalformedError('its body is sent by its length')
  if (unsendable.test(value)) throw new MessageMalformedError(`its header ${known} holds what no header can`)
  return `${name}: ${value}\r\n`
}

function partsOf(body: FetchOptions['body']): readonly Uint8Array[] {
  if (body === undefined) return []
  if (typeof body === 'string') return [Buffer.from(body)]
  return body instanceof Uint8Array ? [body] : body
}

function join(head: string, parts: readonly Uint8Array[], length: number): Buffer {
  const whole = Buffer.allocUnsafe(head.length + length)
  let at = whole.write(head, 0, 'latin1')
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
