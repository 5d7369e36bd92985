/** Reads little-endian values from the head of a file and never past its end. */
import { GgufInvalidError } from './ggufInvalidError.ts'

export class HeadCursor {
  offset = 0
  readonly #bytes: Uint8Array
  readonly #view: DataView

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  }

  /** Advances over `length` bytes and returns where they start. */
  take(length: number): number {
    const start = this.offset
    if (start + length > this.#bytes.length) throw new HeadTooShort(start)
    this.offset = start + length
    return start
  }

  u8(): number {
    return this.#view.getUint8(this.take(1))
  }

  u32(): number {
    return this.#view.getUint32(this.take(4), true)
  }

  u64(): bigint {
    return this.#view.getBigUint64(this.take(8), true)
  }

  /** A 64-bit value that JavaScript numbers hold exactly. */
  u64Safe(): number {
    const start = this.offset
    const value = this.u64()
    if (value > 2n ** 52n)
      throw new GgufInvalidError('a number is absurdly large', { offset: start, value: String(value) })
    return Number(value)
  }

  count(what: string, max: number): number {
    const start = this.offset
    const value = this.u64()
    if (value > BigInt(max)) {
      throw new GgufInvalidError(`too many: ${what}`, { offset: start, value: String(value) })
    }
    return Number(value)
  }

  /** A length-prefixed UTF-8 text of at most `bytesMax` bytes. */
  text(bytesMax: number): string {
    const start = this.offset
    const length = this.u64()
    if (length > BigInt(bytesMax)) {
      throw new GgufInvalidError('a text is too long', { offset: start, value: String(length) })
    }
    const from = this.take(Number(length))
    return utf8.decode(this.#bytes.subarray(from, this.offset))
  }

  view(): DataView {
    return this.#view
  }
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Not a fault: the parser needs a longer head. */
export class HeadTooShort extends Error {
  readonly offset: number

  constructor(offset: number) {
    super('head too short')
    this.offset = offset
  }
}
