/** Finds in the bytes of a connection those of one body: by its length, by its chunks, or all until the end. RFC 9112 §6, §7 */
import { type Framing, headBytesMax, MessageMalformedError } from './readHead.ts'

/** Bytes of the line before a chunk, extensions included, at most. */
const sizeLineMax = 1_024
const [carriageReturn, lineFeed] = [0x0d, 0x0a]

export class BodyDecoder {
  isComplete: boolean
  /** Until here the sender may end the connection, and the body with it. */
  readonly endsWithConnection: boolean
  readonly #isChunked: boolean
  /** Bytes until the body, or the chunk, is over. */
  #left: number
  #at: 'size' | 'data' | 'after data' | 'trailers' = 'data'
  #line = ''
  #trailerBytes = 0

  constructor(framing: Framing) {
    this.#isChunked = framing === 'chunked'
    this.endsWithConnection = framing === 'close'
    this.#left = typeof framing === 'object' ? framing.length : framing === 'close' ? Number.POSITIVE_INFINITY : 0
    if (this.#isChunked) this.#at = 'size'
    this.isComplete = !this.#isChunked && this.#left === 0
  }

  /**
   * @param onPiece - gets each piece of the body as a view of `bytes`
   * @returns the number of bytes that belonged to the body
   * @throws {MessageMalformedError}
   */
  take(bytes: Uint8Array, onPiece: (piece: Uint8Array) => void): number {
    let at = 0
    while (at < bytes.length && !this.isComplete) {
      if (this.#at !== 'data') {
        at = this.#takeLine(bytes, at)
        continue
      }
      const piece = bytes.subarray(at, Math.min(bytes.length, at + this.#left))
      this.#left -= piece.length
      at += piece.length
      if (this.#left === 0) {
        if (this.#isChunked) this.#at = 'after data'
        else this.isComplete = true
      }
      onPiece(piece)
    }
    return at
  }

  /** Reads on to the end of a line, and acts on it when it is there. */
  #takeLine(bytes: Uint8Array, from: number): number {
    const found = bytes.indexOf(lineFeed, from)
    const end = found < 0 ? bytes.length : found
    if (this.#line.length + end - from > sizeLineMax) throw new MessageMalformedError('a line in its body is too long')
    for (let at = from; at < end; at++) this.#line += String.fromCharCode(bytes[at]!)
    if (found < 0) return bytes.length
    if (this.#line.charCodeAt(this.#line.length - 1) !== carriageReturn) {
      throw new MessageMalformedError('a line in its body ends in a line feed alone')
    }
    const line = this.#line.slice(0, -1)
    this.#line = ''
    this.#endLine(line)
    return found + 1
  }

  #endLine(line: string): void {
    if (this.#at === 'after data') {
      if (line !== '') throw new MessageMalformedError('a chunk is longer than it said')
      this.#at = 'size'
    } else if (this.#at === 'size') {
      const size = /^([0-9a-fA-F]{1,12})[ \t]*(?:;|$)/.exec(line)?.[1]
      if (size === undefined) throw new MessageMalformedError('a chunk does not say its size')
      this.#left = Number.parseInt(size, 16)
      this.#at = this.#left === 0 ? 'trailers' : 'data'
    } else {
      // Nobody here asks for trailers.
      this.#trailerBytes += line.length + 2
      if (this.#trailerBytes > headBytesMax) throw new MessageMalformedError('its trailers are too long')
      this.isComplete = line === ''
    }
  }
}
