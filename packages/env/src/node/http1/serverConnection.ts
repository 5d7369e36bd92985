/**
 * One connection of a client: plain requests are read and answered here, one after the other. The first that is not plain goes
 * to node:http with the connection itself, and so does everything that follows on it.
 */
import type { Socket } from 'node:net'
import type { HttpHeaders, HttpResponse } from '../../env.ts'
import { leaveBody } from './leaveBody.ts'
import { PlainRequest } from './plainRequest.ts'
import { headBytesMax } from './readHead.ts'
import { readRequestHead } from './readRequestHead.ts'
import { writeAnswer } from './writeAnswer.ts'

export type ServerConnectionOptions = {
  /** Requests with longer bodies are node:http's. */
  bodyBytesMax: number
  stallMsMax: number
  keepAliveSeconds: number
  /** Answers by `send`, once; does not throw. */
  onRequest(request: PlainRequest, connection: ServerConnection): void
  /** Takes the socket over, and the bytes that were read of what comes next. */
  onOther(socket: Socket, bytes: Buffer): void
  onClosed(connection: ServerConnection): void
}

const headEnd = '\r\n\r\n'

export class ServerConnection {
  readonly socket: Socket
  /** Since when (monotonic) it is as it is: silent from the beginning, idle after an answer, or receiving. */
  sinceMs = performance.now()
  /** Answered once at least. */
  isKept = false
  readonly #options: ServerConnectionOptions
  #request: PlainRequest | undefined
  #isAnswered = false
  /** The server ends: it carries no further request. */
  #isEnding = false
  /** Came before its turn. */
  #next: Buffer | undefined

  constructor(socket: Socket, options: ServerConnectionOptions) {
    this.socket = socket
    this.#options = options
    socket.on('data', this.#take).on('end', this.#leave).on('error', ignore).on('close', this.#close)
  }

  get isIdle(): boolean {
    return this.#request === undefined
  }

  get isReceiving(): boolean {
    return this.#request !== undefined && !this.#request.body.isComplete
  }

  /** No further request is taken. */
  end(): void {
    this.#isEnding = true
    if (this.isIdle) this.socket.destroy()
  }

  /** Resolves when the answer is on its way, or nobody is there to take it. @throws what the body's own generator throws */
  async send(answer: HttpResponse, extraHeaders: HttpHeaders | undefined): Promise<void> {
    if (this.socket.destroyed) return leaveBody(answer.body)
    const { stallMsMax, keepAliveSeconds } = this.#options
    const keepsAlive = await writeAnswer(this.socket, answer, { extraHeaders, keepAliveSeconds, stallMsMax })
    if (this.socket.destroyed) return
    this.#isAnswered = true
    if (!keepsAlive || this.#isEnding) return void this.socket.destroySoon()
    this.#request!.body.discard()
    if (this.#request!.body.isComplete) this.#goOn()
  }

  readonly #take = (bytes: Buffer): void => {
    const request = this.#request
    if (!request) return this.#begin(bytes)
    const taken = request.body.take(bytes)
    if (taken < bytes.length) this.#keepForLater(taken === 0 ? bytes : bytes.subarray(taken))
    if (this.#isAnswered && request.body.isComplete) this.#goOn()
  }

  #keepForLater(bytes: Buffer): void {
    this.#next = this.#next ? Buffer.concat([this.#next, bytes]) : bytes
    this.socket.pause()
  }

  #begin(bytes: Buffer): void {
    const end = bytes.indexOf(headEnd)
    const head = end > 0 && end <= headBytesMax ? readRequestHead(bytes.toString('latin1', 0, end)) : undefined
    if (!head || head.bodyBytes > this.#options.bodyBytesMax) return this.#handOver(bytes)
    const request = new PlainRequest(head, this.socket)
    this.#request = request
    this.#isAnswered = false
    this.sinceMs = performance.now()
    const bodyAt = end + headEnd.length
    if (bodyAt < bytes.length) {
      const taken = request.body.take(bytes.subarray(bodyAt))
      if (bodyAt + taken < bytes.length) this.#keepForLater(bytes.subarray(bodyAt + taken))
    }
    this.#options.onRequest(request, this)
  }

  #goOn(): void {
    this.#request = undefined
    this.isKept = true
    this.sinceMs = performance.now()
    const bytes = this.#next
    if (!bytes) return
    this.#next = undefined
    this.socket.resume()
    this.#begin(bytes)
  }

  #handOver(bytes: Buffer): void {
    const { socket } = this
    socket.off('data', this.#take).off('end', this.#leave).off('error', ignore).off('close', this.#close)
    this.#options.onClosed(this)
    this.#options.onOther(socket, bytes)
  }

  /** Who sends no more is taken to have left, as node:http does. */
  readonly #leave = (): void => {
    this.socket.destroy()
  }

  readonly #close = (): void => {
    const request = this.#request
    this.#request = undefined
    if (request && !this.#isAnswered) request.abort()
    this.#options.onClosed(this)
  }
}

/** What broke is closed next. */
function ignore(): void {}
