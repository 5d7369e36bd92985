/** One request to an `http` server over a kept connection, and its answer as `network.fetch` promises it. */

import { answerReaders, silenceMsDefault } from '../../answerReaders.ts'
import type { FetchOptions, FetchResponse } from '../../env.ts'
import { AbortedError, NetworkError } from '../../faults.ts'
import type { ClientConnection, Exchange } from './clientConnection.ts'
import type { ConnectionPool } from './connectionPool.ts'
import type { AnswerHead } from './readHead.ts'
import { type RequestTarget, writeRequest } from './writeRequest.ts'

export type PlainPlace = RequestTarget & { href: string; hostname: string; port: number }

/** Bytes of an answer that wait to be read before the connection is not read any more. */
const waitingBytesMax = 64 * 1024

/**
 * `stale`: a kept connection had been closed by the other end.
 * @throws {NetworkError} @throws {AbortedError}
 */
export function askPlain(
  pool: ConnectionPool,
  place: PlainPlace,
  options: FetchOptions,
  fresh: boolean,
): Promise<FetchResponse | 'stale'> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) return reject(new AbortedError({ cause: options.signal.reason }))
    const connection = pool.take(place.hostname, place.port, fresh)
    const exchange = new PlainExchange(connection, place, options, resolve, reject)
    connection.begin(exchange)
    try {
      writeRequest(connection.socket, place, options)
    } catch (fault) {
      connection.destroy(fault as Error)
    }
  })
}

class PlainExchange implements Exchange, AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly method: string
  readonly #connection: ClientConnection
  readonly #place: PlainPlace
  readonly #options: FetchOptions
  readonly #resolve: (answer: FetchResponse | 'stale') => void
  readonly #reject: (fault: Error) => void
  readonly #isReused: boolean
  readonly #pieces: Uint8Array[] = []
  #waitingBytes = 0
  #isPaused = false
  #hasBegun = false
  #isComplete = false
  #isSent = false
  #fault: Error | undefined
  /** Of whoever waits for the next piece. */
  #wake: (() => void) | undefined
  #timer: NodeJS.Timeout
  #connectTimer: NodeJS.Timeout | undefined

  constructor(
    connection: ClientConnection,
    place: PlainPlace,
    options: FetchOptions,
    resolve: (answer: FetchResponse | 'stale') => void,
    reject: (fault: Error) => void,
  ) {
    const { method = 'GET', signal, timeoutMs = silenceMsDefault, connectMs } = options
    this.method = method
    this.#connection = connection
    this.#place = place
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    this.#isReused = connection.isReused
    this.#timer = setTimeout(this.#expire, timeoutMs)
    if (connectMs !== undefined && connectMs < timeoutMs && !connection.stood) this.#boundConnecting(connectMs)
    signal?.addEventListener('abort', this.#abort)
  }

  onHead(head: AnswerHead): void {
    this.#hasBegun = true
    clearTimeout(this.#timer)
    this.#resolve(this.#answer(head))
  }

  onPiece(piece: Uint8Array): void {
    // Its receiver's own, and not of a pool of which others have parts.
    const own = Buffer.allocUnsafeSlow(piece.length)
    own.set(piece)
    this.#pieces.push(own)
    this.#waitingBytes += own.length
    if (this.#waitingBytes >= waitingBytesMax && !this.#isPaused) {
      this.#isPaused = true
      this.#connection.socket.pause()
    }
    this.#rouse()
  }

  onComplete(): void {
    this.#isComplete = true
    this.#isSent = this.#connection.socket.writableLength === 0
    if (this.#isPaused) this.#connection.socket.resume()
    this.#leave()
  }

  onLost(cause: Error, isUnanswered: boolean): void {
    this.#leave()
    const fault = this.#faultOf(cause)
    if (this.#hasBegun) this.#fault = fault
    else if (this.#isReused && isUnanswered && isReset(cause)) this.#resolve('stale')
    else this.#reject(fault)
    this.#rouse()
  }

  #faultOf(cause: Error): Error {
    if (cause instanceof AbortedError) return cause
    const isUnsent = !this.#connection.stood
    if (cause instanceof NetworkError) {
      return new NetworkError(cause.facts as { url: string; reason: string }, { cause, isUnsent })
    }
    const code = (cause as NodeJS.ErrnoException).code
    const reason = this.#hasBegun ? 'the answer broke off' : (code ?? cause.message)
    return new NetworkError({ url: this.#place.href, reason }, { cause, isUnsent })
  }

  #leave(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#connectTimer)
    this.#options.signal?.removeEventListener('abort', this.#abort)
    this.#rouse()
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }

  readonly #expire = (): void => this.#drop(new NetworkError({ url: this.#place.href, reason: 'timeout' }))

  readonly #abort = (): void => this.#drop(new AbortedError({ cause: this.#options.signal?.reason }))

  /** When all has come, the connection may already carry somebody else's request. */
  #drop(fault: Error): void {
    if (!this.#isComplete) this.#connection.destroy(fault)
  }

  /** A host that swallows packets would otherwise look like one that thinks for long. */
  #boundConnecting(connectMs: number): void {
    this.#connectTimer = setTimeout(() => {
      if (this.#connection.stood) return
      this.#drop(new NetworkError({ url: this.#place.href, reason: 'no connection in time' }))
    }, connectMs)
  }

  #answer({ status, headers }: AnswerHead): FetchResponse {
    return {
      status,
      headers,
      body: this,
      isSent: () => this.#isSent || (!this.#isComplete && this.#connection.socket.writableLength === 0),
      ...answerReaders(this, this.#place.href),
    }
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const value = this.#pieces.shift()
      if (value) return { done: false, value: this.#given(value) }
      if (this.#fault) throw this.#fault
      if (this.#isComplete) return { done: true, value: undefined }
      await this.#more()
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    if (!this.#isComplete) this.#drop(new Error('nobody reads it any more'))
    return { done: true, value: undefined }
  }

  #given(piece: Uint8Array): Uint8Array {
    this.#waitingBytes -= piece.length
    if (this.#isPaused && this.#waitingBytes < waitingBytesMax && !this.#isComplete) {
      this.#isPaused = false
      this.#connection.socket.resume()
    }
    return piece
  }

  /** Waits for whatever comes next, for so long as silence is allowed to last. */
  #more(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(this.#expire, this.#options.timeoutMs ?? silenceMsDefault)
    return new Promise((resolve) => {
      this.#wake = () => {
        clearTimeout(this.#timer)
        resolve()
      }
    })
  }
}

function isReset(cause: Error): boolean {
  const { code } = cause as NodeJS.ErrnoException
  return code === 'ECONNRESET' || code === 'EPIPE' || cause.message === 'ECONNRESET'
}
