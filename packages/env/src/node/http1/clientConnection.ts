/**
 * One connection to a server, over which one request after the other goes: bytes in, heads and bodies out. What node:http does
 * between a socket and whoever asks, streams and events for every message, costs three times what is done here.
 */
import { connect, type Socket } from 'node:net'
import { BodyDecoder } from './bodyDecoder.ts'
import { type AnswerHead, headBytesMax, MessageMalformedError, readAnswerHead } from './readHead.ts'

/** What is under way on a connection. */
export type Exchange = {
  method: string
  onHead(head: AnswerHead): void
  /** The piece is a view that is valid only now. */
  onPiece(piece: Uint8Array): void
  /** All has come. */
  onComplete(): void
  /** Nothing more comes. @param isUnanswered - no byte of an answer had come */
  onLost(fault: Error, isUnanswered: boolean): void
}

export type ConnectionOptions = {
  host: string
  port: number
  /** It carries nothing now, and may carry something again. */
  onFree(connection: ClientConnection): void
  onClosed(connection: ClientConnection): void
}

const readBytes = 64 * 1024
/** What is read is handed on in the same turn, so that one buffer serves all; where reads overlap, each has its own. */
const sharedBuffer = process.platform === 'win32' ? undefined : Buffer.allocUnsafeSlow(readBytes)
/** A server that says how long it keeps a connection is not asked in the last moment of it. */
const keepMarginMs = 1_000
const headEnd = '\r\n\r\n'

export class ClientConnection {
  readonly socket: Socket
  /** Whether it carried an exchange before the one under way. */
  isReused = false
  /** Milliseconds of `performance.now()` until which the server keeps it. */
  keptUntilMs = Number.POSITIVE_INFINITY
  /** Whether it stood at any time. */
  stood = false
  readonly #options: ConnectionOptions
  #exchange: Exchange | undefined
  #head: AnswerHead | undefined
  #decoder: BodyDecoder | undefined
  /** A head that has not come to its end. */
  #begun: Buffer | undefined
  #fault: Error | undefined

  constructor(options: ConnectionOptions) {
    this.#options = options
    const buffer = sharedBuffer ?? Buffer.allocUnsafeSlow(readBytes)
    const onread = { buffer, callback: (count: number) => this.#read(buffer.subarray(0, count)) }
    const { host, port } = options
    this.socket = connect({ host, port, noDelay: true, keepAlive: true, keepAliveInitialDelay: 1_000, onread })
    this.socket.once('connect', () => {
      this.stood = true
    })
    this.socket.on('error', (fault) => {
      this.#fault = fault
    })
    this.socket.once('end', () => this.#end())
    this.socket.once('close', () => this.#close())
  }

  begin(exchange: Exchange): void {
    this.#exchange = exchange
    this.#head = undefined
    this.#decoder = undefined
  }

  /** Ends it; the exchange under way hears of the fault. */
  destroy(fault: Error): void {
    this.#fault ??= fault
    this.socket.destroy()
    this.#close()
  }

  /** Returns whether more may come: `net` goes on reading. */
  #read(bytes: Buffer): boolean {
    try {
      this.#take(bytes)
    } catch (fault) {
      this.destroy(
        fault instanceof MessageMalformedError ? fault : new Error('the answer was not taken', { cause: fault }),
      )
    }
    return true
  }

  #take(bytes: Buffer): void {
    let rest = bytes
    while (!this.#decoder) {
      if (!this.#exchange) throw new MessageMalformedError('bytes came that nobody asked for')
      const after = this.#takeHead(rest)
      if (!after) return
      rest = after
    }
    const exchange = this.#exchange!
    const taken = rest.length === 0 ? 0 : this.#decoder.take(rest, (piece) => exchange.onPiece(piece))
    if (this.#decoder.isComplete && this.#exchange === exchange) this.#complete(exchange, taken === rest.length)
  }

  /** Returns what follows a head; undefined while it is not there. */
  #takeHead(bytes: Buffer): Buffer | undefined {
    const whole = this.#begun ? Buffer.concat([this.#begun, bytes]) : bytes
    const end = whole.indexOf(headEnd)
    if ((end < 0 ? whole.length : end) > headBytesMax) throw new MessageMalformedError('its head is too long')
    if (end < 0) {
      this.#begun = Buffer.from(whole)
      return undefined
    }
    this.#begun = undefined
    const head = readAnswerHead(whole.toString('latin1', 0, end), this.#exchange!.method)
    if (head.status === 101) throw new MessageMalformedError('it wants to speak something else')
    // What else is below 200 comes before the answer itself.
    if (head.status >= 200) {
      this.#head = head
      this.#decoder = new BodyDecoder(head.framing)
      this.#exchange!.onHead(head)
    }
    return whole.subarray(end + headEnd.length)
  }

  #complete(exchange: Exchange, isClean: boolean): void {
    const { keepsAlive, headers } = this.#head!
    this.#exchange = undefined
    this.#decoder = undefined
    exchange.onComplete()
    // A server that answers before all was sent does not want the rest.
    if (!keepsAlive || !isClean || this.socket.writableLength > 0) return this.destroy(new Error('not kept'))
    const hint = headers['keep-alive']
    const kept = hint === undefined ? undefined : /(?:^|[,;\s])timeout=(\d{1,6})/i.exec(hint)?.[1]
    this.keptUntilMs =
      kept === undefined ? Number.POSITIVE_INFINITY : performance.now() + Number(kept) * 1_000 - keepMarginMs
    this.isReused = true
    this.#options.onFree(this)
  }

  #end(): void {
    const exchange = this.#exchange
    if (!exchange || !this.#decoder?.endsWithConnection) return this.destroy(new Error('ECONNRESET'))
    this.#exchange = undefined
    exchange.onComplete()
    this.destroy(new Error('not kept'))
  }

  #close(): void {
    const exchange = this.#exchange
    this.#exchange = undefined
    exchange?.onLost(this.#fault ?? new Error('ECONNRESET'), !this.#decoder && !this.#begun)
    this.#options.onClosed(this)
  }
}
