/** Puts an answer on a connection: a whole one with its head in one write, a streamed one no faster than the client reads. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { HttpHeaders, HttpResponse } from '../../env.ts'
import { NetworkError } from '../../faults.ts'
import { fieldLine } from './writeRequest.ts'

export type AnswerOptions = {
  extraHeaders: HttpHeaders | undefined
  keepAliveSeconds: number
  /** Milliseconds in which a client must take some of what waits. */
  stallMsMax: number
}

/** Up to here a copy costs less than another part of a write. */
const joinedBytesMax = 64 * 1024

/**
 * Resolves when all is handed over to the system or the client has gone. Returns whether another request may follow.
 * @throws what the body's own generator throws, or a header that cannot be sent: the connection is of no use then
 */
export async function writeAnswer(socket: Socket, answer: HttpResponse, options: AnswerOptions): Promise<boolean> {
  const { body } = answer
  const keepsAlive = answer.headers?.connection?.toLowerCase() !== 'close'
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    writeWhole(socket, answer, body, options)
    if (socket.writableLength > 0) await drained(socket, options.stallMsMax)
  } else await pour(socket, answer, body, options)
  return keepsAlive
}

function writeWhole(
  socket: Socket,
  { status, headers = {} }: HttpResponse,
  body: string | Uint8Array | undefined,
  options: AnswerOptions,
): void {
  const isBodiless = status === 204 || status === 304
  const length = body === undefined || isBodiless ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.length
  const framing = isBodiless || headers['content-length'] !== undefined ? '' : `content-length: ${length}\r\n`
  const head = `${headOf(status, headers, options)}${framing}\r\n`
  if (length > joinedBytesMax && typeof body !== 'string') {
    socket.cork()
    socket.write(head, 'latin1')
    socket.write(body!)
    socket.uncork()
    return
  }
  const whole = Buffer.allocUnsafe(head.length + length)
  whole.write(head, 0, 'latin1')
  if (length > 0 && typeof body === 'string') whole.write(body, head.length)
  else if (length > 0) whole.set(body as Uint8Array, head.length)
  socket.write(whole)
}

function headOf(status: number, headers: HttpHeaders, { extraHeaders, keepAliveSeconds }: AnswerOptions): string {
  let head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'unknown'}\r\n`
  for (const name in extraHeaders) if (headers[name] === undefined) head += fieldLine(name, extraHeaders[name]!)
  for (const name in headers) head += fieldLine(name, headers[name]!)
  const kept =
    headers.connection === undefined ? `connection: keep-alive\r\nkeep-alive: timeout=${keepAliveSeconds}\r\n` : ''
  return `${head}date: ${dateNow()}\r\n${kept}`
}

let dateText = ''
let dateSecond = 0

function dateNow(): string {
  const second = Math.floor(Date.now() / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(second * 1000).toUTCString()
  }
  return dateText
}

async function pour(
  socket: Socket,
  { status, headers = {} }: HttpResponse,
  body: AsyncIterable<Uint8Array | string>,
  options: AnswerOptions,
): Promise<void> {
  const source = body[Symbol.asyncIterator]()
  const told = headers['content-length']
  const out = new BodyWriter(socket, told === undefined ? undefined : Number(told))
  out.head = `${headOf(status, headers, options)}${told === undefined ? 'transfer-encoding: chunked\r\n' : ''}\r\n`
  let isOver = false
  const leave = (): void => {
    // A generator that is waiting now returns as soon as that wait ends; its request's signal is there to end it.
    if (!isOver) source.return?.().catch(() => undefined)
    isOver = true
  }
  socket.on('close', leave)
  // A first piece that is there at once travels with the head, in one packet; a head does not wait for a later one.
  const headAlone = setImmediate(() => out.flushHead())
  try {
    for (;;) {
      const { done, value } = await source.next()
      clearImmediate(headAlone)
      // A connection that broke is closed a moment later.
      if (socket.destroyed) return
      if (done) break
      out.write(typeof value === 'string' ? Buffer.from(value) : value)
      if (socket.writableNeedDrain) await drained(socket, options.stallMsMax)
    }
    isOver = true
    out.end()
    if (socket.writableLength > 0) await drained(socket, options.stallMsMax)
  } finally {
    leave()
    clearImmediate(headAlone)
    socket.off('close', leave)
  }
}

/** Frames pieces by chunks, or counts them where their length was told. */
class BodyWriter {
  /** Until it is written. */
  head: string | undefined
  readonly #socket: Socket
  #leftBytes: number | undefined

  constructor(socket: Socket, bytes: number | undefined) {
    this.#socket = socket
    this.#leftBytes = bytes
  }

  flushHead(): void {
    if (this.head !== undefined && !this.#socket.destroyed) this.#socket.write(this.head, 'latin1')
    this.head = undefined
  }

  write(piece: Uint8Array): void {
    // An empty chunk would be the last one.
    if (piece.length === 0) return
    if (this.#leftBytes !== undefined) {
      this.#leftBytes -= piece.length
      if (this.#leftBytes < 0) throw new LengthWrongError()
    }
    const isChunked = this.#leftBytes === undefined
    const before = `${this.head ?? ''}${isChunked ? `${piece.length.toString(16)}\r\n` : ''}`
    this.head = undefined
    this.#send(before, piece, isChunked ? '\r\n' : '')
  }

  end(): void {
    if (this.#leftBytes !== undefined && this.#leftBytes !== 0) throw new LengthWrongError()
    const last = `${this.head ?? ''}${this.#leftBytes === undefined ? '0\r\n\r\n' : ''}`
    this.head = undefined
    if (last !== '') this.#socket.write(last, 'latin1')
  }

  #send(before: string, piece: Uint8Array, after: string): void {
    if (piece.length <= joinedBytesMax) {
      const whole = Buffer.allocUnsafe(before.length + piece.length + after.length)
      whole.write(before, 0, 'latin1')
      whole.set(piece, before.length)
      whole.write(after, before.length + piece.length, 'latin1')
      return void this.#socket.write(whole)
    }
    this.#socket.cork()
    if (before !== '') this.#socket.write(before, 'latin1')
    this.#socket.write(piece)
    if (after !== '') this.#socket.write(after, 'latin1')
    this.#socket.uncork()
  }
}

const nothing = new Uint8Array()

/** Resolves when the client has taken all, or has gone; one that takes nothing for so long is cut off. */
function drained(socket: Socket, stallMsMax: number): Promise<void> {
  return new Promise((resolve) => {
    let leftBytes = socket.writableLength
    const timer = setInterval(() => {
      if (socket.writableLength >= leftBytes) socket.destroy()
      leftBytes = socket.writableLength
    }, stallMsMax)
    const end = (): void => {
      clearInterval(timer)
      socket.off('drain', end).off('close', end)
      resolve()
    }
    socket.on('close', end)
    // Little that waits is not followed by an event of its own.
    if (socket.writableNeedDrain) socket.on('drain', end)
    else socket.write(nothing, end)
  })
}

/** The other end would take the next answer for the rest of this one. */
class LengthWrongError extends NetworkError {
  constructor() {
    super({ url: '', reason: 'an answer has another length than its head says' })
  }
}
