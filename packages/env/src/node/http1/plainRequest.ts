/** A plain request as `HttpRequest`, and its body as the connection brings it. */
import type { Socket } from 'node:net'
import type { HttpHeaders, HttpRequest } from '../../env.ts'
import { AbortedError } from '../../faults.ts'
import type { RequestHead } from './readRequestHead.ts'

/** Bytes of a body that wait to be read before the connection is not read any more. */
const waitingBytesMax = 64 * 1024

export class PlainRequest implements HttpRequest {
  readonly method: string
  readonly path: string
  readonly headers: HttpHeaders
  readonly body: PlainBody
  readonly #search: string
  readonly #socket: Socket
  #query: URLSearchParams | undefined
  #controller: AbortController | undefined
  #isGone = false

  constructor({ method, target, headers, bodyBytes }: RequestHead, socket: Socket) {
    const mark = target.indexOf('?')
    this.method = method
    this.path = mark < 0 ? target : target.slice(0, mark)
    this.#search = mark < 0 ? '' : target.slice(mark + 1)
    this.headers = headers
    this.#socket = socket
    this.body = new PlainBody(bodyBytes, socket)
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.#search)
    return this.#query
  }

  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? ''
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController()
      if (this.#isGone) this.#controller.abort(new AbortedError())
    }
    return this.#controller.signal
  }

  /** The client went away before it had its answer. */
  abort(): void {
    this.#isGone = true
    this.body.breakOff()
    this.#controller?.abort(new AbortedError())
  }
}

export class PlainBody implements AsyncIterable<Uint8Array>, AsyncIterator<Uint8Array> {
  readonly #socket: Socket
  readonly #pieces: Uint8Array[] = []
  #leftBytes: number
  #waitingBytes = 0
  #isPaused = false
  #isBroken = false
  #isDiscarded = false
  #wake: (() => void) | undefined

  constructor(bytes: number, socket: Socket) {
    this.#leftBytes = bytes
    this.#socket = socket
  }

  get isComplete(): boolean {
    return this.#leftBytes === 0
  }

  /** Takes what belongs to it; returns how many bytes that were. */
  take(bytes: Uint8Array): number {
    const count = Math.min(bytes.length, this.#leftBytes)
    if (count === 0) return 0
    this.#leftBytes -= count
    if (this.#isDiscarded) return count
    // Its receiver's own: the rest of what was read together may be another request.
    const own = Buffer.allocUnsafeSlow(count)
    own.set(count === bytes.length ? bytes : bytes.subarray(0, count))
    this.#pieces.push(own)
    this.#waitingBytes += count
    if (this.#waitingBytes >= waitingBytesMax && !this.isComplete) {
      this.#isPaused = true
      this.#socket.pause()
    }
    this.#rouse()
    return count
  }

  /** What is left of it is read away: its answer is made already, and the next request follows behind it. */
  discard(): void {
    this.#isDiscarded = true
    this.#pieces.length = 0
    this.#waitingBytes = 0
    this.#resume()
  }

  breakOff(): void {
    this.#isBroken = true
    this.#rouse()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    for (;;) {
      const value = this.#pieces.shift()
      if (value) {
        this.#waitingBytes -= value.length
        if (this.#waitingBytes < waitingBytesMax) this.#resume()
        return { done: false, value }
      }
      if (this.isComplete || this.#isDiscarded) return { done: true, value: undefined }
      if (this.#isBroken) throw new AbortedError()
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async return(): Promise<IteratorResult<Uint8Array>> {
    // Whoever leaves reads the rest away, or the sender would wait for ever.
    this.discard()
    return { done: true, value: undefined }
  }

  #resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }

  #rouse(): void {
    const wake = this.#wake
    this.#wake = undefined
    wake?.()
  }
}
