/** A request of node:http as `HttpRequest`: everything that costs time is made only when asked for. */
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { HttpHeaders, HttpRequest } from '../env.ts'
import { AbortedError, BodyTooLargeError } from '../faults.ts'

export class NodeRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers: HttpHeaders
  readonly remoteAddress: string
  readonly body: AsyncIterable<Uint8Array>
  readonly #search: string
  readonly #response: ServerResponse
  #query: URLSearchParams | undefined
  #signal: AbortSignal | undefined

  constructor(message: IncomingMessage, response: ServerResponse, bodyBytesMax: number) {
    const url = message.url ?? '/'
    const mark = url.indexOf('?')
    this.method = message.method ?? 'GET'
    this.path = mark < 0 ? url : url.slice(0, mark)
    this.#search = mark < 0 ? '' : url.slice(mark + 1)
    // Repeated headers come joined by node:http, except set-cookie, which no request carries.
    this.headers = message.headers as HttpHeaders
    this.remoteAddress = message.socket.remoteAddress ?? ''
    this.body = new MessageBody(message, bodyBytesMax)
    this.#response = response
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#search)
    return this.#query
  }

  get signal(): AbortSignal {
    this.#signal ??= signalOfClient(this.#response)
    return this.#signal
  }
}

function signalOfClient(response: ServerResponse): AbortSignal {
  const controller = new AbortController()
  const leave = (): void => {
    if (!response.writableFinished) controller.abort(new AbortedError())
  }
  if (response.closed) leave()
  else response.once('close', leave)
  return controller.signal
}

class MessageBody implements AsyncIterable<Uint8Array> {
  readonly #message: IncomingMessage
  readonly #bytesMax: number

  constructor(message: IncomingMessage, bytesMax: number) {
    this.#message = message
    this.#bytesMax = bytesMax
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<Uint8Array> {
    return readMessage(this.#message, this.#bytesMax)
  }
}

/**
 * The pieces of an incoming message as the socket gave them, each its receiver's own; the socket is read only as fast as this
 * is pulled. Node's own iterator over streams does the same at a multiple of the cost, which counts where bodies are small and
 * many; and a stream that is read without flowing lays together what has come, a copy more of everything.
 * @throws {BodyTooLargeError}
 * @throws {AbortedError} the sender went away in the middle
 */
export function readMessage(message: IncomingMessage, bytesMax: number): AsyncIterableIterator<Uint8Array> {
  return new MessageReader(message, bytesMax)
}

class MessageReader implements AsyncIterableIterator<Uint8Array> {
  readonly #message: IncomingMessage
  readonly #bytesMax: number
  readonly #arrived: Uint8Array[] = []
  #length = 0
  #wake: (() => void) | undefined
  #failed: Error | undefined

  constructor(message: IncomingMessage, bytesMax: number) {
    this.#message = message
    this.#bytesMax = bytesMax
    message.on('data', this.#take).on('end', this.#rouse).on('close', this.#rouse).on('error', this.#fail)
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    const message = this.#message
    for (;;) {
      const piece = this.#arrived.shift()
      if (piece) {
        this.#length += piece.length
        if (this.#length > this.#bytesMax) throw new BodyTooLargeError({ bytesMax: this.#bytesMax })
        return { done: false, value: piece }
      }
      if (message.readableEnded) return { done: true, value: undefined }
      if (this.#failed || message.destroyed) throw new AbortedError({ cause: this.#failed })
      message.resume()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    // Whoever leaves reads the rest away, or the sender would wait for ever.
    this.#message.off('data', this.#take).resume()
    return { done: true, value: undefined }
  }

  readonly #rouse = (): void => {
    this.#wake?.()
    this.#wake = undefined
  }

  readonly #take = (piece: Uint8Array): void => {
    this.#arrived.push(piece)
    this.#message.pause()
    this.#rouse()
  }

  readonly #fail = (error: Error): void => {
    this.#failed = error
    this.#rouse()
  }
}
